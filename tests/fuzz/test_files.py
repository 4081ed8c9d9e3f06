"""Damaged files of every kind: read, or refused in one sentence, without a word on stdout or stderr."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fuzz.budget import fuzzed
from fuzz.damage import damaged, pictures
from hypothesis import strategies as st

from photostyle_native import Look, PhotostyleError, load_vgg19, read_photo
from photostyle_native.color.table import Table
from photostyle_native.masks.label_images import read_labels
from photostyle_native.masks.pairs import extract_masks
from photostyle_native.segmentation.scribbles import read_scribbles

_MOST_WORDS = 600  # characters of a message


@contextmanager
def _file(data: bytes, suffix: str = "") -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{suffix}"
        path.write_bytes(data)
        yield path


@contextmanager
def _silent() -> Iterator[None]:
    """Fail if something is written to the process's stdout or stderr, by whatever library."""
    with tempfile.TemporaryFile() as said:
        before = os.dup(1), os.dup(2)
        for stream in (1, 2):
            os.dup2(said.fileno(), stream)
        try:
            yield
        finally:
            for stream, saved in zip((1, 2), before, strict=True):
                os.dup2(saved, stream)
                os.close(saved)
        said.seek(0)
        words = said.read()
    assert words == b"", words


def _read_or_refuse(read: Callable[[Path], Any], data: bytes, suffix: str = "") -> Any:
    with _file(data, suffix) as path, _silent():
        try:
            return read(path)
        except PhotostyleError as error:
            message = str(error)
            assert message
            assert "\n" not in message
            assert len(message) < _MOST_WORDS + len(str(path))
            return None


@fuzzed(400, data=damaged(pictures()))
def test_photos(data: bytes) -> None:
    photo = _read_or_refuse(lambda path: read_photo(path, max_pixels=1 << 20), data)
    if photo is not None:
        assert photo.pixels.dtype in (np.uint8, np.uint16)
        assert photo.pixels.shape == (*photo.size, 3)
        assert photo.alpha is None or photo.alpha.shape == photo.size
        assert all(isinstance(note, str) and note for note in photo.notes)
        photo.converted_to(None)


@fuzzed(250, data=damaged(pictures()))
def test_masks(data: bytes) -> None:
    def read(path: Path) -> None:
        labels = read_labels(path)
        masks, names = extract_masks(labels, labels.size)
        assert masks.shape == (len(names), *labels.size)

    _read_or_refuse(read, data, ".png")


@fuzzed(120, data=damaged(pictures()))
def test_strokes(data: bytes) -> None:
    _read_or_refuse(lambda path: read_scribbles(path, torch.zeros(3, 12, 17), "strokes"), data, ".png")


def _looks() -> tuple[bytes, ...]:
    content = torch.rand(3, 12, 16, generator=torch.Generator().manual_seed(0))
    look = Look.fit(content, content.flip(0), cells=2, bins=2)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "look.npz"
        look.save(path)
        return (path.read_bytes(),)


@fuzzed(200, data=damaged(_looks()))
def test_looks(data: bytes) -> None:
    look = _read_or_refuse(Look.load, data, ".npz")
    if look is not None:
        assert look.apply(torch.rand(3, 5, 6)).shape == (3, 5, 6)


def _tables() -> tuple[bytes, ...]:
    content = torch.rand(3, 12, 16, generator=torch.Generator().manual_seed(0))
    return (Look.fit(content, content.flip(0), cells=2, bins=2).cube(3).encode(),)


@fuzzed(200, data=damaged(_tables()))
def test_tables(data: bytes) -> None:
    table = _read_or_refuse(Table.read_cube, data, ".cube")
    if table is not None:
        assert table.apply(torch.rand(3, 5, 6)).shape == (3, 5, 6)


def _weights() -> tuple[bytes, ...]:
    stream = io.BytesIO()
    torch.save({"conv1_1.weight": torch.zeros(64, 3, 3, 3), "conv1_1.bias": torch.zeros(64)}, stream)
    return (stream.getvalue(), b"\x20\0\0\0\0\0\0\0" + b'{"a":{"dtype":"F32","shape":[1]}}' + bytes(4))


@fuzzed(100, data=damaged(_weights()), suffix=st.sampled_from([".pth", ".safetensors"]))
def test_weights(data: bytes, suffix: str) -> None:
    assert _read_or_refuse(load_vgg19, data, suffix) is None  # no such file is a whole network
