"""Functions that the recipes share: their options, the demo's photo at any width, and the comparison with a peer."""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import numpy as np
from PIL import Image


def arguments(description: str, width: int, argv: list[str] | None) -> argparse.Namespace:
    """Parse a recipe's options: the photo's `width` in pixels, and `quick` to compare results and measure nothing."""
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--width", type=int, default=width, help=f"of the photo, in pixels (default {width})")
    parser.add_argument("--quick", action="store_true", help="only compare the answers")
    return parser.parse_args(argv)


def photo(width: int, name: str = "china.jpg") -> np.ndarray:
    """A photo that comes with the package, (H, W, 3), float32 in [0, 1]."""
    with Image.open(str(files("photostyle_native") / "data" / name)) as file:
        size = (width, round(width * file.height / file.width))
        return np.asarray(file.convert("RGB").resize(size, Image.Resampling.LANCZOS), dtype=np.float32) / 255


def labels(width: int, name: str = "china_mask.png") -> np.ndarray:
    """Whether each pixel of the demo's photo is sky, from its hand-made label image: (H, W) bool."""
    with Image.open(str(files("photostyle_native") / "data" / name)) as file:
        size = (width, round(width * file.height / file.width))
        colours = np.asarray(file.convert("RGB").resize(size, Image.Resampling.NEAREST))
    return (colours == colours[0, width // 2]).all(-1)


def compare(
    before: Callable[..., np.ndarray],
    after: Callable[..., np.ndarray],
    data: tuple[Any, ...],
    tolerance: float,
    quick: bool,
) -> None:
    """Run both functions on the same data, and print their time and memory and how much their results differ.

    Each runs in a process of its own; if `quick`, both run in this process and nothing is measured. The program ends
    with an error if the largest difference exceeds `tolerance`, relative to the largest value.
    """
    results = {}
    for name, function in (("before", before), ("after", after)):
        if quick:
            results[name] = function(*data)
            continue
        results[name], seconds, megabytes = _alone(function, data)
        print(f"{name:7s} {seconds:8.3f} s  {megabytes:7.0f} MB more than the data")
    scale = np.abs(results["before"]).max()
    difference = float(np.abs(results["after"] - results["before"]).max() / scale)
    print(f"largest difference {difference:.1e} of the largest value")
    if not difference <= tolerance:
        sys.exit(f"the answers differ by more than {tolerance:g}")


def _alone(function: Callable[..., np.ndarray], data: tuple[Any, ...]) -> tuple[np.ndarray, float, float]:
    """Run a function in a forked process; return its result, the seconds, and by how many megabytes the fork grew."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(theirs, function, data))
    process.start()
    theirs.close()
    try:
        answer = ours.recv()
    except EOFError:
        sys.exit(f"{function.__name__} failed")
    process.join()
    return answer


def _child(pipe: Any, function: Callable[..., np.ndarray], data: tuple[Any, ...]) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    result = function(*data)
    seconds = time.perf_counter() - start
    pipe.send((result, seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) / 1024))
