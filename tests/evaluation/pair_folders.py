"""Folders of pairs in the layout of the authors' data."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def picture(height: int, width: int, seed: int) -> np.ndarray:
    """Two halves of different colours, with shading and grain."""
    random = np.random.default_rng(seed)
    image = np.empty((height, width, 3))
    image[: height // 2], image[height // 2 :] = random.uniform(60, 220, (2, 3))
    image *= np.linspace(0.7, 1, width)[None, :, None]
    return (image + random.integers(-6, 7, image.shape)).clip(0, 255).astype(np.uint8)


def labels(height: int, width: int) -> np.ndarray:
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2], image[height // 2 :] = (0, 0, 255), (255, 0, 0)
    return image


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pairs with masks; only pair 2 has a reference."""
    folder = tmp_path_factory.mktemp("set")
    for name, seed in (("2", 0), ("10", 5)):
        save(folder / f"input/in{name}.png", picture(51, 67, seed))
        save(folder / f"style/tar{name}.png", picture(60, 44, seed + 1))
        save(folder / f"segmentation/in{name}.png", labels(51, 67))
        save(folder / f"segmentation/tar{name}.png", labels(60, 44))
    save(folder / "final_results/best2_t_1000.png", picture(51, 67, 1))
    return folder


@pytest.fixture
def folder(_made: Path, tmp_path: Path) -> Path:
    shutil.copytree(_made, tmp_path / "set")
    return tmp_path / "set"
