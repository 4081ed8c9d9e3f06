"""Too little memory, in the words of whoever noticed it."""

from __future__ import annotations

import errno
from collections.abc import Callable

import numpy as np
import pytest
import torch

from photostyle_native import PhotostyleError
from photostyle_native.errors import lacks_memory, reason
from photostyle_native.picture_files import decoding


def _fails(error: BaseException) -> Callable[[], object]:
    def fail() -> object:
        raise error

    return fail


# Made in the test, and not while this file is imported: AddressSanitizer ends a program that makes such allocations.
@pytest.mark.parametrize(
    "fail",
    [
        lambda: np.empty(1 << 50),
        lambda: torch.empty(1 << 50),
        _fails(OSError(errno.ENOMEM, "Cannot allocate memory")),
        _fails(ImportError("libx.so: failed to map segment from shared object")),
        _fails(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")),
    ],
    ids=["NumPy", "torch", "the system", "the loader", "CUDA"],
)
def test_too_little_memory_is_recognised(fail: Callable[[], object]) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 (each raises another type)
        fail()
    assert lacks_memory(caught.value)
    outer = ValueError("the outer one")
    outer.__cause__ = caught.value
    assert lacks_memory(outer)
    with pytest.raises(PhotostyleError, match=r"a\.png: not enough memory to decode"), decoding("a.png"):
        fail()


def test_other_errors_are_not() -> None:
    for error in (None, ValueError("not enough memory"), OSError(errno.ENOENT, "no such file"), ImportError("x")):
        assert not lacks_memory(error)
    with pytest.raises(PhotostyleError, match="a codec that it needs cannot be loaded"), decoding("a.png"):
        raise ImportError("could not import name 'png_decode' from 'imagecodecs'")


def test_what_a_library_says_becomes_a_part_of_a_line() -> None:
    assert reason(ValueError("two\nlines ")) == "two lines"
    assert reason(KeyError()) == "KeyError"
    assert len(reason(ValueError("bytes of a file " * 100))) == 203
