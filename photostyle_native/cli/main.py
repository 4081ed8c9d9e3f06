"""The entry point of `photostyle`: it runs one command, and turns errors into messages and exit codes.

Input that cannot be used gives one line on stderr and exit code 2. Too little memory or a broken installation gives
one line and exit code 1. Ctrl-C gives exit code 130, a closed output pipe 141. Any other exception is a bug and shows
its traceback.

torch takes over a second to import, so this module imports nothing that needs torch: help and errors in options come
at once.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Sequence

from ..errors import PhotostyleError
from .messages import print_error
from .options import build_parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. `argv` has no program name; default: `sys.argv[1:]`.

    Raises SystemExit(0) after ``--help`` and ``--version``.
    """
    try:
        options = build_parser().parse_args(argv)
        code = int(options.run(options))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader of the output has seen enough (`photostyle doctor | head -1`): end as other programs do.
        _discard_output()
        return 128 + signal.SIGPIPE
    except PhotostyleError as error:
        return _fail(str(error), 2)
    except KeyboardInterrupt:
        print("photostyle: interrupted", file=sys.stderr)
        return 130
    except (MemoryError, RuntimeError) as error:
        if not _out_of_memory(error):
            raise
        return _fail("out of memory: a smaller --size needs less", 1)
    except ImportError as error:
        if not _extension_missing(error):
            raise
        return _fail(f"the native extension cannot be loaded ({error}): photostyle doctor says more", 1)


def _discard_output() -> None:
    """Discard what stdout still holds; otherwise the interpreter complains about the closed pipe when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _fail(message: str, code: int) -> int:
    print_error(message)
    return code


def _out_of_memory(error: BaseException) -> bool:
    """Whether it is MemoryError, torch.OutOfMemoryError (CUDA), or the RuntimeError of torch's CPU allocator."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return bool(re.search(r"can't allocate memory|not enough memory|CUDA out of memory", str(error)))


def _extension_missing(error: ImportError) -> bool:
    text = f"{error.name} {error}"
    return "photostyle_native" in text and "_core" in text
