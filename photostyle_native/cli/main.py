"""The entry point of `photostyle`: it runs one command, and turns errors into messages and exit codes.

Input that cannot be used gives one line on stderr and exit code 2. Too little memory or a broken installation gives
one line and exit code 1. Ctrl-C gives exit code 130, SIGTERM 143, SIGHUP 129, a closed output pipe 141. Any other
exception is a bug and shows its traceback.

torch takes over a second to import, so this module imports nothing that needs torch: help and errors in options come
at once.
"""

from __future__ import annotations

import errno
import signal
import sys
from collections.abc import Sequence

from ..errors import PhotostyleError, lacks_memory
from .interrupts import end, exit_code, handled
from .messages import print_error
from .options import build_parser
from .streams import discard_output, prepare


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. `argv` has no program name; default: `sys.argv[1:]`.

    Raises SystemExit(0) after ``--help`` and ``--version``.
    """
    prepare()
    try:
        with handled(end):
            options = build_parser().parse_args(argv)
            code = int(options.run(options))
            sys.stdout.flush()
            return code
    except BrokenPipeError:
        # The reader of the output has seen enough (`photostyle doctor | head -1`): end as other programs do.
        discard_output()
        return 128 + signal.SIGPIPE
    except PhotostyleError as error:
        return _fail(str(error), 2)
    except KeyboardInterrupt as error:
        print("photostyle: interrupted", file=sys.stderr)
        return exit_code(error)
    except (MemoryError, RuntimeError) as error:
        if not lacks_memory(error):
            raise
        return _fail("out of memory: a smaller --size needs less", 1)
    except (ImportError, OSError) as error:
        return _fail(_cannot_go_on(error), 1)


def _cannot_go_on(error: ImportError | OSError) -> str:
    """The message about a library that cannot be loaded, or about output that cannot be printed. Raises others."""
    if lacks_memory(error):
        return f"not enough memory to load the libraries ({error})"
    if isinstance(error, ImportError):
        if not _extension_missing(error):
            raise error
        return f"the native extension cannot be loaded ({error}): photostyle doctor says more"
    if error.errno not in (errno.ENOSPC, errno.EIO, errno.EBADF) or error.filename is not None:
        raise error
    discard_output()
    return f"what was to be printed could not be ({error.strerror})"


def _fail(message: str, code: int) -> int:
    print_error(message)
    return code


def _extension_missing(error: ImportError) -> bool:
    text = f"{error.name} {error}"
    return "photostyle_native" in text and "_core" in text
