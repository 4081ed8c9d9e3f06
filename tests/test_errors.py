"""Too little memory, in the words of whoever noticed it."""

from __future__ import annotations

import errno

import numpy as np
import pytest
import torch

from photostyle_native import PhotostyleError
from photostyle_native.errors import lacks_memory
from photostyle_native.picture_files import decoding


def _raised(make: object) -> BaseException:
    with pytest.raises(Exception) as caught:  # noqa: PT011
        make()  # type: ignore[operator]
    return caught.value


@pytest.mark.parametrize(
    "error",
    [
        _raised(lambda: np.empty(1 << 50)),
        _raised(lambda: torch.empty(1 << 50)),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        ImportError("libx.so: failed to map segment from shared object"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_too_little_memory_is_recognised(error: BaseException) -> None:
    assert lacks_memory(error)
    outer = ValueError("the outer one")
    outer.__cause__ = error
    assert lacks_memory(outer)
    with pytest.raises(PhotostyleError, match=r"a\.png: not enough memory to decode"), decoding("a.png"):
        raise error


def test_other_errors_are_not() -> None:
    for error in (None, ValueError("not enough memory"), OSError(errno.ENOENT, "no such file"), ImportError("x")):
        assert not lacks_memory(error)
    with pytest.raises(PhotostyleError, match="a codec that it needs cannot be loaded"), decoding("a.png"):
        raise ImportError("could not import name 'png_decode' from 'imagecodecs'")
