"""Plots of the results as PNG; needs matplotlib (extra ``bench``)."""

from __future__ import annotations

import io
from typing import Any

from ..case import is_ours
from ..doubt import sound
from ..timing import quartiles
from .units import digits, duration

_OURS, _LIMIT = "#c2410c", "#111111"
_OTHERS = (
    "#1d4ed8",
    "#0f766e",
    "#7c3aed",
    "#64748b",
    "#ca8a04",
    "#be185d",
    "#4d7c0f",
    "#0891b2",
    "#78716c",
    "#9f1239",
)


def all_plots(result: dict[str, Any]) -> dict[str, tuple[str, bytes]]:
    """Draw time against pixels, speedups, shares of an iteration, and CPU against GPU.

    Returns a dictionary from file names to titles and PNG files.
    """
    plots = {}
    for device in result["ceilings"]:
        for family in _families_with_sizes(result, device):
            cases = _of(result, device, family)
            title = f"{cases[0]['title']}: time against pixels, {device}"
            plots[f"pixels-{family}-{device}.png"] = title, _pixels(cases, result["ceilings"][device], title)
        plots[f"speedup-{device}.png"] = (f"Peers' time over ours, {device}", _speedups(result, device))
        shares = _of(result, device, "parts")
        if shares:
            title = f"Where an iteration's time goes, {device}"
            plots[f"shares-{device}.png"] = title, _shares(shares, title)
    pairs = _on_both(result)
    if pairs:
        title = "What the GPU buys: our time on the CPU over our time on the GPU"
        plots["cpu-gpu.png"] = title, _bars(pairs, title, "times faster on the GPU")
    return plots


def _of(result: dict[str, Any], device: str, family: str) -> list[dict[str, Any]]:
    return [case for case in result["cases"] if case["device"] == device and case["family"] == family]


def _families_with_sizes(result: dict[str, Any], device: str) -> list[str]:
    """Families that move a known number of bytes and have cases of two or more sizes that differ in nothing else."""
    found: dict[str, set[int]] = {}
    for case in result["cases"]:
        if case["device"] == device and case["bytes"] and "layer" not in case["parameters"]:
            found.setdefault(case["family"], set()).add(case["pixels"])
    return [family for family, pixels in found.items() if len(pixels) > 1]


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure  # without pyplot, which has windows and global state

    return Figure(figsize=(width, height), layout="constrained")


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def _clean(axes: Any) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(True, which="major", alpha=0.25)
    axes.set_axisbelow(True)


def _times(axis: Any) -> None:
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda seconds, _: duration(seconds)))


def _pixels(cases: list[dict[str, Any]], limits: dict[str, float], title: str) -> bytes:
    figure = _figure(7.5, 4.6)
    axes = figure.subplots()
    cases = sorted(cases, key=lambda case: case["pixels"])
    names = list(dict.fromkeys(name for case in cases for name in case["ways"]))
    for k, name in enumerate(names):
        points = [(c["pixels"], *_quartiles(sound(c)[name])) for c in cases if name in sound(c)]
        if not points:
            continue
        pixels, low, median, high = (list(values) for values in zip(*points, strict=True))
        errors = [
            [m - a for m, a in zip(median, low, strict=True)],
            [b - m for m, b in zip(median, high, strict=True)],
        ]
        ours = name == "ours"
        color = _OURS if ours else _OTHERS[(k - 1) % len(_OTHERS)]
        width = 2.6 if ours else 1.3
        axes.errorbar(pixels, median, errors, fmt="o-", color=color, lw=width, ms=5, capsize=3, label=name)
    bound = [(c["pixels"], c["bytes"] / limits["copy_bytes_per_s"]) for c in cases]
    axes.plot(*zip(*bound, strict=True), "--", color=_LIMIT, lw=1.2, label="memory-bound limit")
    axes.set(xscale="log", yscale="log", xlabel="pixels", ylabel="time per call")
    figure.suptitle(title)
    _times(axes.yaxis)
    _clean(axes)
    axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return _png(figure)


def _quartiles(way: dict[str, Any]) -> tuple[float, float, float]:
    """The lower quartile, the median and the upper quartile of a way's samples, in seconds."""
    return quartiles([seconds for one in way["samples"] for seconds in one])


def _bars(bars: list[tuple[str, float]], title: str, xlabel: str) -> bytes:
    """Draw ratios on a logarithmic axis, each bar starting at 1. There may be none, if all times are doubtful."""
    bars = bars[::-1]
    figure = _figure(11, 1.1 + 0.24 * len(bars))
    axes = figure.subplots()
    for k, (_, value) in enumerate(bars):
        axes.barh(k, value - 1, left=1, color=_OURS if value >= 1 else "#94a3b8")
        side = 4 if value >= 1 else -4
        axes.annotate(
            digits(value), (value, k), (side, 0), textcoords="offset points", va="center", fontsize=8,
            ha="left" if value >= 1 else "right",
        )  # fmt: skip
    axes.axvline(1, color=_LIMIT, lw=1)
    axes.set_yticks(range(len(bars)), [name for name, _ in bars], fontsize=8)
    axes.set(xscale="log", xlabel=xlabel, ylim=(-0.7, len(bars) - 0.3))
    axes.margins(x=0.12)
    figure.suptitle(title)
    _clean(axes)
    return _png(figure)


def _speedups(result: dict[str, Any], device: str) -> bytes:
    """Draw one bar per peer, at the largest size of each family."""
    bars = []
    for family in dict.fromkeys(case["family"] for case in result["cases"]):
        cases = [c for c in _of(result, device, family) if family != "parts"]
        largest = max((c["parameters"]["width"] for c in cases), default=0)
        for case in cases:
            if case["parameters"]["width"] == largest:
                ways = sound(case)
                peers = [(n, w["times_ours"]) for n, w in ways.items() if not is_ours(n) and "ours" in ways]
                bars += [(f"{case['title']}, {case['label']}: {name}", value) for name, value in peers]
    return _bars(bars, f"Peers' time over ours, {device}", "peer's time / our time (right of 1: ours is faster)")


def shares_of(case: dict[str, Any]) -> dict[str, float]:
    """The share of each part in the whole, and the rest. Parts timed alone may add up to slightly more than all."""
    whole = case["ways"]["ours"]["median"]
    parts = {name: way["median"] / whole for name, way in case["ways"].items() if name != "ours"}
    return {**parts, "everything else": max(0.0, 1 - sum(parts.values()))}


def _shares(cases: list[dict[str, Any]], title: str) -> bytes:
    figure = _figure(8.5, 1.3 + 0.55 * len(cases))
    axes = figure.subplots()
    left = [0.0] * len(cases)
    for k, name in enumerate(shares_of(cases[0])):
        widths = [shares_of(case)[name] for case in cases]
        axes.barh(range(len(cases)), widths, left=left, color=(_OTHERS[3], _OURS, *_OTHERS)[k], label=name)
        for row, width in enumerate(widths):
            if width > 0.04:
                axes.annotate(f"{width:.0%}", (left[row] + width / 2, row), ha="center", va="center", color="white")
        left = [a + b for a, b in zip(left, widths, strict=True)]
    axes.set_yticks(range(len(cases)), [case["label"] for case in cases])
    axes.set(xlabel="share of an iteration")
    figure.suptitle(title)
    _clean(axes)
    figure.legend(fontsize=8, frameon=False, loc="outside lower center", ncols=5)
    return _png(figure)


def _on_both(result: dict[str, Any]) -> list[tuple[str, float]]:
    """Cases that ran on the CPU and on a GPU, with this package's time on the CPU over that on the GPU."""
    ours = {
        (c["device"], c["title"], c["label"]): c["ways"]["ours"]["median"]
        for c in result["cases"]
        if "ours" in sound(c)
    }
    return [
        (f"{title}, {label}", seconds / ours[other, title, label])
        for (device, title, label), seconds in ours.items()
        for other in result["ceilings"]
        if device == "cpu" and other != "cpu" and (other, title, label) in ours
    ]
