"""The program as a user runs it, and a folder of photos for it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from photostyle_native.cli.main import main

HEIGHT, WIDTH = 48, 64


FAST = ("--size", "64", "--iterations", "1")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run the program in this process; its exit code and what it wrote to stdout and stderr."""

    def call(*argv: Any) -> tuple[int, str, str]:
        code = main([str(argument) for argument in argv])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def gradient(height: int, width: int, color: tuple[int, int, int]) -> np.ndarray:
    """A photo of one hue with shading and grain."""
    shade = np.linspace(0.4, 1, width)[None, :, None] * np.linspace(1, 0.7, height)[:, None, None]
    grain = np.random.default_rng(sum(color)).integers(-8, 9, (height, width, 3))
    return (shade * np.array(color) + grain).clip(0, 255).astype(np.uint8)


def halves(height: int, width: int, top: tuple[int, int, int], bottom: tuple[int, int, int]) -> np.ndarray:
    image = np.empty((height, width, 3), np.uint8)
    image[: height // 2], image[height // 2 :] = top, bottom
    return image


BLUE, RED, GREEN, WHITE = (0, 0, 255), (255, 0, 0), (0, 255, 0), (255, 255, 255)


def pixels_of(path: Path | str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def size_of(path: Path | str) -> tuple[int, int]:
    height, width = pixels_of(path).shape[:2]
    return width, height


def bomb() -> bytes:
    """A PNG of 30000 x 30000 pixels, by its header."""
    header = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b""))
    parts = (struct.pack(">I", len(p)) + k + p + struct.pack(">I", zlib.crc32(k + p)) for k, p in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def fill(folder: Path) -> None:
    """Good and bad files of every kind."""

    def save(name: str, array: np.ndarray) -> None:
        Image.fromarray(array).save(folder / name)

    save("day.png", gradient(HEIGHT, WIDTH, (90, 140, 230)))
    save("dusk.jpg", gradient(50, 40, (230, 120, 50)))
    save("day_mask.png", halves(HEIGHT, WIDTH, BLUE, RED))
    save("dusk_mask.png", halves(50, 40, BLUE, RED))
    save("other_labels.png", halves(50, 40, GREEN, WHITE))
    save("square_mask.png", halves(64, 64, BLUE, RED))
    save("photo_as_mask.png", np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8))
    save("tiny.png", gradient(20, 20, (90, 140, 230)))
    save("square.png", gradient(64, 64, (90, 140, 230)))
    save("out-0010.png", gradient(HEIGHT, WIDTH, (90, 140, 230)))
    (folder / "truncated.png").write_bytes((folder / "day.png").read_bytes()[:-500])
    (folder / "truncated.jpg").write_bytes((folder / "dusk.jpg").read_bytes()[:400])
    (folder / "text.png").write_text("this is not an image")
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "bomb.png").write_bytes(bomb())
    (folder / "text.pth").write_text("these are not tensors")
    save_file({"features.0.weight": torch.zeros(4, 3, 3, 3)}, folder / "wrong.safetensors")
    (folder / "folder").mkdir()
    (folder / "link.png").symlink_to(folder / "day.png")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    fill(folder)
    return folder


@pytest.fixture
def photos(shared: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of files as working directory. Whatever a test adds to it, fails the test."""
    before = contents(shared)
    monkeypatch.chdir(shared)
    yield shared
    assert contents(shared) == before


def contents(folder: Path) -> dict[str, bytes | None]:
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


PAIR = "transfer day.png dusk.jpg -o out.png"


MASKS = "--content-mask day_mask.png --style-mask dusk_mask.png"
