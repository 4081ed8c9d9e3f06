"""The pairs of a folder in the layout of Deep Photo Style Transfer's public repository."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import PhotostyleError
from ..images.codecs import FORMATS


@dataclass(frozen=True)
class Pair:
    """The files of one pair; those that the folder lacks are None."""

    name: str  # what follows `in` and `tar` in the file names, mostly a number
    content: Path
    style: Path
    content_mask: Path | None
    style_mask: Path | None
    reference: Path | None


def find_pairs(folder: Path) -> tuple[list[Pair], dict[str, str]]:
    """The pairs of a folder, and by name what is wrong with those that are none.

    ``input/inN``, ``style/tarN``; if there are any, ``segmentation/inN`` and ``tarN``, and the reference result
    ``final_results/bestN`` or ``bestN_...`` (the last of several). Files are .png or another format that is
    read; of one name in several formats, the last by name.

    Raises:
        PhotostyleError: the folder holds no pair.
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
    """The result for a pair in a folder of results: N, inN, outN, bestN or bestN_..., the last in natural order."""
    pattern = re.compile(rf"(?:in|out|best)?{re.escape(name)}(?:_.*)?")
    found = [path for path in _images(folder) if pattern.fullmatch(path.stem)]
    return max(found, key=lambda path: natural_order(path.name), default=None)


def natural_order(name: str) -> list[tuple[int, str]]:
    """A sorting key under which 9 comes before 10."""
    return [(int(part) if part.isdecimal() else -1, part) for part in re.split(r"(\d+)", name)]


def _named(folder: Path, prefix: str) -> dict[str, Path]:
    """Images by what follows the prefix in their names."""
    return {
        path.stem[len(prefix) :]: path
        for path in _images(folder)
        if len(path.stem) > len(prefix) and path.stem.startswith(prefix)
    }


def _images(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in FORMATS)
