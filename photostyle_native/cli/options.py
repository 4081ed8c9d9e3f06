"""The grammar of the command line: every command with its options.

An option that stands for an argument of a function has the argument's name and no default of its own. If it is not
given, it is missing from the parsed options (or None, where that is the default too), and `keyword_arguments` takes
the default from the function's signature.

Nothing here imports torch, which takes over a second: help and errors in options come at once.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import math
from collections.abc import Callable
from typing import Any, NoReturn

from .._version import __version__
from ..errors import PhotostyleError
from ..pipeline.looks import look_names
from ..pipeline.presets import DEFAULT_SIZES, PRECISIONS, PRESETS
from ..segmentation.automatic import SOURCES, needs_network
from . import values
from .interrupts import handled
from .start import leave

_SIZES = f"default: {DEFAULT_SIZES['cpu']} on the CPU, {DEFAULT_SIZES['cuda']} on a GPU"

_LOOKS = f"one of {', '.join(look_names())}"


class _Parser(argparse.ArgumentParser):
    """An argument parser that reports errors as the rest of the program does: in one line, without the usage."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "allow_abbrev": False})

    def error(self, message: str) -> NoReturn:
        raise PhotostyleError(message)


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the whole command line. In the parsed options, `run` is the function to call."""
    parser = _Parser(
        prog="photostyle",
        description="Give the light and colours of one photo to another, keeping every edge where it was.",
    )
    parser.add_argument("--version", action="version", version=f"photostyle {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_transfer(commands)
    _add_apply(commands)
    _add_look(commands)
    _add_mix(commands)
    _add_lut(commands)
    _add_masks_command(commands)
    _add_evaluate(commands)
    _add_evaluate_set(commands)
    _add_demo(commands)
    _add_bench(commands)
    _add_doctor(commands)
    return parser


def keyword_arguments(function: Callable[..., Any], options: argparse.Namespace) -> dict[str, Any]:
    """The arguments of a function that have a default, by name, with their values from the options or the default."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: getattr(options, p.name, p.default) for p in parameters if p.default is not p.empty}


_TRANSFER_ENDS = (
    "Ctrl-C, or a signal to end, stops the optimisation: the best picture so far is finished and written, in "
    "seconds. In masks equal colours belong together. Any colours will do; those of the authors' masks, which "
    "also survive JPEG and soft edges, are blue, green, black, white, red, yellow, grey, cyan and magenta."
)


def _add_transfer(commands: Any) -> None:
    about = "make a photo that has CONTENT's scene and STYLE's light and colours"
    parser = commands.add_parser("transfer", help=about, description=about, epilog=_TRANSFER_ENDS)
    parser.add_argument("content", metavar="CONTENT", type=values.file_name, help="photo to change")
    parser.add_argument(
        "style",
        metavar="STYLE",
        nargs="+",
        type=values.file_name,
        help="photo to take light and colours from, or several, which are mixed",
    )
    _add_style_weights(parser)
    _add_output(parser, "OUT", "photo to write: .png, .jpg, .tif or .webp", required=True)
    _add_masks(parser, several=True)
    _add_auto_mask(parser, *SOURCES)
    _add_size(parser)
    _add_preset(parser)
    _add_iterations(parser)
    _add_realism(parser)
    _add_mixing(parser, "CONTENT")
    _add_keep_skin(parser)
    _add_network(parser)
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default=argparse.SUPPRESS,
        help="of the network (default: auto, the fastest on this machine, see `photostyle doctor`)",
    )
    parser.add_argument(
        "--seed",
        metavar="N",
        type=values.seed,
        default=argparse.SUPPRESS,
        help="of the paper preset's noise (default: 0)",
    )
    parser.add_argument(
        "--save-look",
        metavar="LOOK.npz",
        type=values.file_name,
        help="write what became of the colours, for `apply` and `lut`",
    )
    parser.add_argument(
        "--report", metavar="R.json", type=values.file_name, help="write energies and timings as JSON"
    )
    parser.add_argument(
        "--save-every",
        metavar="N",
        type=values.positive,
        help="also write the optimised picture, as it is before --realism, every N iterations, as OUT-0010.png and "
        "so on beside OUT",
    )
    parser.add_argument(
        "--preview",
        metavar="FILE",
        type=values.file_name,
        help="picture at working size that is rewritten every second or so with what OUT would be by then",
    )
    _add_bit_depth(parser, "CONTENT")
    parser.add_argument("--quiet", action="store_true", help="print nothing but warnings and errors")
    parser.set_defaults(run=_function("transfer"))


def _add_apply(commands: Any) -> None:
    about = "give photos a look that `transfer` has saved (--save-look) or `look` has made"
    parser = commands.add_parser("apply", help=about, description=about)
    tables = "a table of another program (.cube, or .png for a HaldCLUT)"
    parser.add_argument("look", metavar="LOOK", type=values.file_name, help=f"the look, .npz; {tables}; or {_LOOKS}")
    parser.add_argument(
        "photos", metavar="PHOTO", nargs="+", type=values.file_name, help="photo to change, or several"
    )
    about = "photo to write: .png, .jpg, .tif or .webp; of several photos the folder, where they keep their names"
    _add_output(parser, "OUT", about, required=True)
    places = parser.add_mutually_exclusive_group()
    places.add_argument(
        "--everywhere",
        action="store_true",
        help="treat all places of the frame alike, as the table of `lut` does (default for photos composed otherwise "
        "than the one that the look was made from)",
    )
    places.add_argument("--by-place", action="store_true", help="use each place's own colours, whatever the photo")
    _add_mixing(parser, "PHOTO")
    _add_bit_depth(parser, "PHOTO")
    _add_device(parser)
    parser.set_defaults(run=_function("apply"))


def _add_look(commands: Any) -> None:
    about = "make a look of a photo and its edited version"
    parser = commands.add_parser(
        "look",
        help=about,
        description=f"{about}, for `apply` and `lut`. Both must show the same frame; how they were edited does not "
        "matter, but only what became of the colours is kept.",
    )
    parser.add_argument("before", metavar="BEFORE", type=values.file_name, help="the photo as it was")
    parser.add_argument("after", metavar="AFTER", type=values.file_name, help="the photo as it became; any size")
    _add_output(parser, "LOOK.npz", "look to write", required=True)
    parser.set_defaults(run=_function("look", "make"))


def _add_mix(commands: Any) -> None:
    about = "mix looks, or weaken one: the change that the new look makes is the weighted mean of theirs"
    parser = commands.add_parser("mix", help=about, description=about)
    about = f"a look, .npz, or {_LOOKS}"
    parser.add_argument("looks", metavar="LOOK", nargs="+", type=values.file_name, help=about)
    parser.add_argument(
        "--weights",
        metavar="W,W",
        type=values.weights,
        help="how much each LOOK counts, such as 3,1 (default: all the same)",
    )
    parser.add_argument(
        "--strength",
        metavar="S",
        type=values.share,
        default=argparse.SUPPRESS,
        help="share of the change that the new look makes, from 0 to 1 (default)",
    )
    _add_output(parser, "LOOK.npz", "look to write", required=True)
    parser.set_defaults(run=_function("look", "mix"))


def _add_lut(commands: Any) -> None:
    about = "write a look as a 3D lookup table for photo and video editors: .cube, or .png for a HaldCLUT"
    parser = commands.add_parser("lut", help=about, description=f"{about}: the part that does not depend on place.")
    parser.add_argument("look", metavar="LOOK", type=values.file_name, help=f"the look, .npz, or {_LOOKS}")
    _add_output(parser, "OUT.cube", "table to write", required=True)
    about = "colours per axis (default: 33; for a HaldCLUT 64, and a square always)"
    parser.add_argument("--size", metavar="N", type=values.table_size, default=argparse.SUPPRESS, help=about)
    _add_mixing(parser, "the photo")
    parser.set_defaults(run=_function("look", "lut"))


def _add_masks_command(commands: Any) -> None:
    about = "divide two photos into regions that correspond: label images to look at, correct and hand to `transfer`"
    parser = commands.add_parser("masks", help=about, description=about)
    parser.add_argument("content", metavar="CONTENT", type=values.file_name, help="photo to change")
    parser.add_argument("style", metavar="STYLE", type=values.file_name, help="photo to take light and colours from")
    _add_output(parser, "DIR", "folder for content.png, style.png and sheet.png", required=True)
    _add_auto_mask(parser, *filter(needs_network, SOURCES))
    for photo in ("content", "style"):
        parser.add_argument(
            f"--{photo}-scribbles",
            metavar="F",
            type=values.file_name,
            help=f"strokes in label colours on {photo.upper()}, or on a transparent layer",
        )
    _add_network(parser)
    parser.set_defaults(run=_function("masks"))


def _add_evaluate(commands: Any) -> None:
    about = (
        "score an output image: the energy that `transfer` minimises, and metrics of structure, style and artefacts"
    )
    parser = commands.add_parser("evaluate", help=about, description=about)
    parser.add_argument("content", metavar="CONTENT", type=values.file_name, help="the photo that was changed")
    parser.add_argument("style", metavar="STYLE", type=values.file_name, help="the photo with the light and colours")
    parser.add_argument("output", metavar="OUTPUT", type=values.file_name, help="the result, whoever made it")
    _add_masks(parser)
    parser.add_argument(
        "--size",
        metavar="N|native",
        type=values.size_or_native,
        help="longest side to compare at (default: native, OUTPUT's own size)",
    )
    _add_network(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_function("evaluate"))


def _add_evaluate_set(commands: Any) -> None:
    about = "make or read the results of a folder of pairs, and score them beside the folder's reference results"
    parser = commands.add_parser(
        "evaluate-set",
        help=about,
        description=f"{about}. DIR has input/inN.png and style/tarN.png, and may have segmentation/inN.png and "
        "tarN.png (without them masks are found) and final_results/bestN_*.png. Finished pairs are not made again.",
    )
    parser.add_argument("folder", metavar="DIR", type=values.file_name, help="folder of pairs")
    where = "folder for results, tables and a sheet (default: photostyle-set)"
    _add_output(parser, "OUT", where, default="photostyle-set")
    parser.add_argument(
        "--results", metavar="DIR2", type=values.file_name, help="score N.png or bestN_*.png of this folder"
    )
    parser.add_argument(
        "--size",
        metavar="N",
        type=values.positive,
        help=f"longest side to solve and to compare at ({_SIZES})",
    )
    _add_preset(parser)
    _add_iterations(parser)
    _add_realism(parser)
    _add_network(parser)
    parser.set_defaults(run=_function("evaluate_set"))


def _add_demo(commands: Any) -> None:
    about = "run a transfer on two photos that come with the program: a fine day becomes dusk"
    parser = commands.add_parser("demo", help=about, description=about)
    _add_output(parser, "DIR", "folder to write to (default: photostyle-demo)", default="photostyle-demo")
    _add_size(parser)
    _add_iterations(parser)
    _add_realism(parser)
    _add_device(parser)
    parser.set_defaults(run=_function("demo"))


def _add_bench(commands: Any) -> None:
    about = "time this package beside its peers on this machine; `bench compare` shows what changed"
    parser = commands.add_parser("bench", help=about, description=about)
    _add_device_option(parser, default="auto", about="default: auto, the CPU and a GPU if there is one")
    parser.add_argument(
        "--sizes",
        metavar="N,N",
        type=values.sizes,
        help="widths of the pictures (default: three, 350 to 3328 by device)",
    )
    parser.add_argument(
        "--only",
        metavar="JOB,JOB",
        type=values.file_name,
        help="jobs to run, such as matting_laplacian (default: all)",
    )
    parser.add_argument("--quick", action="store_true", help="small pictures, few samples: under two minutes")
    parser.add_argument("--no-compile", action="store_true", help="leave out the peers that torch.compile makes")
    parser.add_argument(
        "--passes",
        metavar="N",
        type=values.positive,
        default=3,
        help="rounds over all jobs (default: 3; `compare` needs 2)",
    )
    parser.add_argument(
        "--limit",
        metavar="S",
        type=values.positive,
        default=math.inf,
        help="seconds after which no case is begun any more",
    )
    _add_output(parser, "DIR", "folder for results.json, report.html and plots")
    parser.set_defaults(run=_function("bench"))
    kinds = parser.add_subparsers(metavar="[compare A.json B.json]")
    about = (
        "what changed from one result of `bench` to another, beyond noise; exit code 1 if ours became slower, 3 if "
        "noise hides too much to say"
    )
    comparison = kinds.add_parser("compare", help=about, description=about)
    comparison.add_argument("before", metavar="A.json", type=values.file_name, help="results.json of the first run")
    comparison.add_argument("after", metavar="B.json", type=values.file_name, help="results.json of the second run")
    comparison.set_defaults(run=_function("bench", "compare"))


def _add_doctor(commands: Any) -> None:
    about = "say what is installed, which kernels run on what, and why a fallback would"
    parser = commands.add_parser("doctor", help=about, description=about)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_function("doctor"))


def _function(module: str, name: str = "run") -> Callable[[argparse.Namespace], int]:
    """A command's function; its module is imported only when it is called."""

    def run(options: argparse.Namespace) -> int:
        with handled(leave):
            command = getattr(importlib.import_module(f".{module}", __package__), name)
        return int(command(options))

    return run


def _add_output(parser: argparse.ArgumentParser, metavar: str, about: str, **kwargs: Any) -> None:
    parser.add_argument("-o", "--output", metavar=metavar, type=values.file_name, help=about, **kwargs)


def _add_bit_depth(parser: argparse.ArgumentParser, photo: str) -> None:
    parser.add_argument(
        "--bit-depth", type=int, choices=(8, 16), help=f"of OUT (default: {photo}'s, if the format can)"
    )


def _add_mixing(parser: argparse.ArgumentParser, photo: str) -> None:
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


def _add_masks(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    about = "label image of {}; equal labels belong together"
    parser.add_argument("--content-mask", metavar="M", type=values.file_name, help=about.format("CONTENT"))
    action, repeated = ("append", "; once for each STYLE, in their order") if several else ("store", "")
    parser.add_argument(
        "--style-mask", metavar="M", type=values.file_name, action=action, help=about.format("STYLE") + repeated
    )


def _add_style_weights(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--style-weights",
        metavar="W,W",
        type=values.weights,
        help="how much each of several STYLEs counts, such as 3,1 (default: all the same)",
    )


def _add_keep_skin(parser: argparse.ArgumentParser) -> None:
    shown = "; ".join(f"{preset.keep_skin:g} for {name}" for name, preset in PRESETS.items() if not preset.keep_skin)
    parser.add_argument(
        "--keep-skin",
        metavar="S",
        type=values.share,
        help="how much of its own hue and chroma the skin of people who look at the camera keeps, from 0 to 1 "
        f"(default: {PRESETS['default'].keep_skin:g}; {shown})",
    )


def _add_auto_mask(parser: argparse.ArgumentParser, *choices: str) -> None:
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


def _add_size(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--size",
        metavar="N",
        type=values.positive,
        help=f"longest side to solve at ({_SIZES}); OUT has CONTENT's size always",
    )


def _add_preset(parser: argparse.ArgumentParser) -> None:
    about = "; ".join(f"{name}: {preset.about}" for name, preset in PRESETS.items())
    parser.add_argument("--preset", choices=tuple(PRESETS), default=argparse.SUPPRESS, help=about)


def _add_iterations(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--iterations", metavar="N", type=values.whole, help="of each stage, instead of the preset's")


def _add_realism(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--realism",
        metavar="R",
        type=values.share,
        help="from 0 (all that the optimisation found, stains in skies included) to 1 (colours only, in seconds); "
        "default: " + ", ".join(f"{preset.realism:g} for {name}" for name, preset in PRESETS.items()),
    )


def _add_network(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--weights",
        metavar="W",
        type=values.file_name,
        default=argparse.SUPPRESS,
        help="of VGG-19: bundled (default), torchvision, or a .pth, .pt or .safetensors file",
    )
    _add_device(parser)


def _add_device(parser: argparse.ArgumentParser) -> None:
    _add_device_option(parser, default=argparse.SUPPRESS, about="default: auto")


def _add_device_option(parser: argparse.ArgumentParser, default: str, about: str) -> None:
    parser.add_argument(
        "--device", metavar="D", type=values.device, default=default, help=f"{values.DEVICE_CHOICES}; {about}"
    )
