"""Pairs of photos in a folder that has the layout of Deep Photo Style Transfer's public repository."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import PhotostyleError
from ..files import natural_order
from ..images.codecs import FORMATS


@dataclass(frozen=True)
class Pair:
    """The files of one pair of photos; optional files that the folder lacks are None."""

    name: str  # what follows `in` and `tar` in the file names, mostly a number
    content: Path
    style: Path
    content_mask: Path | None
    style_mask: Path | None
    reference: Path | None


def find_pairs(folder: Path) -> tuple[list[Pair], dict[str, str]]:
    """Find the pairs of a folder; also returns, by name, what is wrong with those that are incomplete.

    A pair consists of ``input/inN`` and ``style/tarN``. Optional are its masks ``segmentation/inN`` and
    ``segmentation/tarN``, and the reference result ``final_results/bestN`` or ``bestN_...`` (see `find_result`).
    Files are .png or another format that the package reads; if a name exists in several formats, the last by name
    counts.

    Raises:
        PhotostyleError: the folder holds no content and no style photo.
    """
    contents, styles = _named(folder / "input", "in"), _named(folder / "style", "tar")
    if not contents and not styles:
        problem = "there are no photos input/in1.png, style/tar1.png ..." if folder.is_dir() else "no such folder"
        raise PhotostyleError(f"{folder}: {problem}")
    masks = _named(folder / "segmentation", "in"), _named(folder / "segmentation", "tar")
    pairs, broken = [], {}
    for name in sorted({*contents, *styles}, key=natural_order):
        missing = [
            f"{where}{name}.* is missing"
            for where, found in (("input/in", contents), ("style/tar", styles))
            if name not in found
        ]
        with_mask = [name in found for found in masks]
        if any(with_mask) and not all(with_mask):
            missing.append(
                f"segmentation/{'tar' if with_mask[0] else 'in'}{name}.* is missing, its other half is not"
            )
        if missing:
            broken[name] = "; ".join(missing)
            continue
        mask, style_mask = (found.get(name) for found in masks)
        reference = find_result(folder / "final_results", name)
        pairs.append(Pair(name, contents[name], styles[name], mask, style_mask, reference))
    return pairs, broken


def find_result(folder: Path, name: str) -> Path | None:
    """Find a pair's result in a folder: N, inN, outN or bestN, alone or with _... after it; the last of several."""
    pattern = re.compile(rf"(?:in|out|best)?{re.escape(name)}(?:_.*)?")
    found = [path for path in _images(folder) if pattern.fullmatch(path.stem)]
    return max(found, key=lambda path: natural_order(path.name), default=None)


def _named(folder: Path, prefix: str) -> dict[str, Path]:
    """The images of a folder whose names start with a prefix, by the rest of the name."""
    return {
        path.stem[len(prefix) :]: path
        for path in _images(folder)
        if len(path.stem) > len(prefix) and path.stem.startswith(prefix)
    }


def _images(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in FORMATS)
