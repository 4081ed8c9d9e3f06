"""Options that several commands have, each with its own help."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from typing import Any

from ..pipeline.looks import look_names
from ..pipeline.presets import DEFAULT_SIZES, PRESETS
from ..segmentation.automatic import SOURCES
from . import values
from .interrupts import handled
from .start import leave

SIZES = f"default: {DEFAULT_SIZES['cpu']} on the CPU, {DEFAULT_SIZES['cuda']} on a GPU"
LOOKS = f"one of {', '.join(look_names())}"


def function(module: str, name: str = "run") -> Callable[[argparse.Namespace], int]:
    """A command's function; its module is imported only when it is called."""

    def run(options: argparse.Namespace) -> int:
        with handled(leave):
            command = getattr(importlib.import_module(f".{module}", __package__), name)
        return int(command(options))

    return run


def add_output(parser: argparse.ArgumentParser, metavar: str, about: str, **kwargs: Any) -> None:
    parser.add_argument("-o", "--output", metavar=metavar, type=values.file_name, help=about, **kwargs)


def add_bit_depth(parser: argparse.ArgumentParser, photo: str) -> None:
    parser.add_argument(
        "--bit-depth", type=int, choices=(8, 16), help=f"of OUT (default: {photo}'s, if the format can)"
    )


def add_mixing(parser: argparse.ArgumentParser, photo: str) -> None:
    parser.add_argument(
        "--strength",
        metavar="S",
        type=values.share,
        default=argparse.SUPPRESS,
        help=f"share of the change that is taken, from 0 ({photo}'s own colours) to 1 (default)",
    )
    kept = parser.add_mutually_exclusive_group()
    for name, about in (
        ("luma", "lightness (L*): take only hues and chroma"),
        ("chroma", "hues and chroma (a*, b*)"),
    ):
        kept.add_argument(
            f"--keep-{name}", action="store_true", default=argparse.SUPPRESS, help=f"keep {photo}'s {about}"
        )


def add_masks(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    about = "label image of {}; equal labels belong together"
    parser.add_argument("--content-mask", metavar="M", type=values.file_name, help=about.format("CONTENT"))
    action, repeated = ("append", "; once for each STYLE, in their order") if several else ("store", "")
    parser.add_argument(
        "--style-mask", metavar="M", type=values.file_name, action=action, help=about.format("STYLE") + repeated
    )


def add_style_weights(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--style-weights",
        metavar="W,W",
        type=values.weights,
        help="how much each of several STYLEs counts, such as 3,1 (default: all the same)",
    )


def add_keep_skin(parser: argparse.ArgumentParser) -> None:
    shown = "; ".join(f"{preset.keep_skin:g} for {name}" for name, preset in PRESETS.items() if not preset.keep_skin)
    parser.add_argument(
        "--keep-skin",
        metavar="S",
        type=values.share,
        help="how much of its own hue and chroma the skin of people who look at the camera keeps, from 0 to 1 "
        f"(default: {PRESETS['default'].keep_skin:g}; {shown})",
    )


def add_auto_mask(parser: argparse.ArgumentParser, *choices: str) -> None:
    about = ", ".join(f"{name}{' (default)' * (name == 'features')} {SOURCES[name].about}" for name in choices)
    about = f"masks from the photos: {about}"
    parser.add_argument("--auto-mask", choices=choices, default=argparse.SUPPRESS, help=about)
    parser.add_argument(
        "--regions",
        metavar="K",
        type=values.region_count,
        help="how many features is to find (default: as many as match)",
    )
    parser.add_argument(
        "--segment-model",
        metavar="M",
        type=values.file_name,
        help="of ade20k: a folder, or a name on the Hugging Face hub (default: a small SegFormer, downloaded once)",
    )


def add_size(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--size",
        metavar="N",
        type=values.positive,
        help=f"longest side to solve at ({SIZES}); OUT has CONTENT's size always",
    )


def add_preset(parser: argparse.ArgumentParser) -> None:
    about = "; ".join(f"{name}: {preset.about}" for name, preset in PRESETS.items())
    parser.add_argument("--preset", choices=tuple(PRESETS), default=argparse.SUPPRESS, help=about)


def add_iterations(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--iterations", metavar="N", type=values.whole, help="of each stage, instead of the preset's")


def add_realism(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--realism",
        metavar="R",
        type=values.share,
        help="from 0 (all that the authors' energy finds, stains in skies included) to 1 (colours only, in seconds); "
        "default: " + ", ".join(f"{preset.realism:g} for {name}" for name, preset in PRESETS.items()),
    )


def add_network(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--weights",
        metavar="W",
        type=values.file_name,
        default=argparse.SUPPRESS,
        help="of VGG-19: bundled (default), torchvision, or a .pth, .pt or .safetensors file",
    )
    add_device(parser)


def add_device(parser: argparse.ArgumentParser) -> None:
    add_device_option(parser, default=argparse.SUPPRESS, about="default: auto")


def add_device_option(parser: argparse.ArgumentParser, default: str, about: str) -> None:
    parser.add_argument(
        "--device", metavar="D", type=values.device, default=default, help=f"{values.DEVICE_CHOICES}; {about}"
    )
