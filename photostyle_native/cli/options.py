"""The grammar of the command line: every command with its options.

An option that stands for an argument of a function has the argument's name and no default of its own. If it is not
given, it is missing from the parsed options (or None, where that is the default too), and `keyword_arguments` takes
the default from the function's signature.

Nothing here imports torch, which takes over a second: help and errors in options come at once.
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable
from typing import Any, NoReturn

from .._version import __version__
from ..errors import PhotostyleError
from ..pipeline.presets import PRECISIONS, PRESETS
from ..segmentation.automatic import SOURCES, needs_network
from . import common_options as common
from . import measuring_options as measuring
from . import values


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
    _add_batch(commands)
    _add_compare(commands)
    _add_apply(commands)
    _add_look(commands)
    _add_mix(commands)
    _add_lut(commands)
    _add_masks_command(commands)
    measuring.add_evaluate(commands)
    measuring.add_evaluate_set(commands)
    _add_demo(commands)
    _add_video(commands)
    _add_web(commands)
    measuring.add_bench(commands)
    measuring.add_doctor(commands)
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
    common.add_style_weights(parser)
    common.add_output(parser, "OUT", "photo to write: .png, .jpg, .tif or .webp", required=True)
    common.add_masks(parser, several=True)
    common.add_auto_mask(parser, *SOURCES)
    common.add_size(parser)
    common.add_preset(parser)
    common.add_iterations(parser)
    common.add_realism(parser)
    common.add_mixing(parser, "CONTENT")
    common.add_keep_skin(parser)
    common.add_network(parser)
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
    common.add_bit_depth(parser, "CONTENT")
    parser.add_argument("--quiet", action="store_true", help="print nothing but warnings and errors")
    parser.set_defaults(run=common.function("transfer"))


def _add_batch(commands: Any) -> None:
    about = "give many photos the light of one, or one look; stopped and run again, it goes on where it was"
    parser = commands.add_parser(
        "batch",
        help=about,
        description=f"{about}. DIR gets a result for every photo, report.json and contact sheets. Photos that are "
        "finished are not made again, unless the photo, the style or an option has changed.",
    )
    about = "a photo, a folder (with all in it, whose structure is kept), or a pattern in quotes"
    parser.add_argument("photos", metavar="PHOTOS", nargs="+", type=values.file_name, help=about)
    source = parser.add_mutually_exclusive_group(required=True)
    about = "photo to take light and colours from; several times to mix several"
    source.add_argument("--style", metavar="STYLE", type=values.file_name, action="append", help=about)
    about = f"give all photos this look: .npz, .cube, a HaldCLUT as .png, or {common.LOOKS}"
    source.add_argument("--look", metavar="LOOK", type=values.file_name, help=about)
    common.add_output(parser, "DIR", "folder for the results", required=True)
    about = "solve one photo, and give its look to all; otherwise each is solved by itself"
    parser.add_argument("--one-look", action="store_true", help=about)
    about = "the photo that --one-look solves (default: the one whose colours differ least from all others)"
    parser.add_argument("--key", metavar="PHOTO", type=values.file_name, help=about)
    common.add_style_weights(parser)
    common.add_auto_mask(parser, *SOURCES)
    common.add_size(parser)
    common.add_preset(parser)
    common.add_iterations(parser)
    common.add_realism(parser)
    common.add_mixing(parser, "the photo")
    common.add_keep_skin(parser)
    common.add_network(parser)
    common.add_bit_depth(parser, "the photo")
    about = "make the photos on a Ray cluster (extra cluster), such as auto; all its machines need the same files"
    parser.add_argument("--ray", metavar="ADDRESS", type=values.file_name, help=about)
    for what, default in (("cpus", 1.0), ("gpus", 0.0)):
        about = f"{what.upper()} that a photo needs on the cluster (default: {default:g})"
        parser.add_argument(f"--ray-{what}", metavar="N", type=values.amount, default=default, help=about)
    parser.set_defaults(run=common.function("batch"))


def _add_compare(commands: Any) -> None:
    about = "draw one sheet of a photo under several styles, looks and presets, to choose from"
    parser = commands.add_parser("compare", help=about, description=about)
    parser.add_argument("content", metavar="CONTENT", type=values.file_name, help="photo to change")
    about = f"a photo, or a look: .npz, .cube, or {common.LOOKS}"
    parser.add_argument("styles", metavar="STYLE", nargs="+", type=values.file_name, help=about)
    about = f"presets under which each photo is tried: {', '.join(PRESETS)} (default: default)"
    parser.add_argument("--presets", metavar="P,P", type=values.presets, default=("default",), help=about)
    common.add_output(parser, "SHEET", "picture to write: .jpg, .png, .tif or .webp", required=True)
    common.add_auto_mask(parser, *SOURCES)
    common.add_size(parser)
    common.add_keep_skin(parser)
    common.add_network(parser)
    parser.set_defaults(run=common.function("compare"))


def _add_apply(commands: Any) -> None:
    about = "give photos a look that `transfer` has saved (--save-look) or `look` has made"
    parser = commands.add_parser("apply", help=about, description=about)
    tables = "a table of another program (.cube, or .png for a HaldCLUT)"
    parser.add_argument(
        "look", metavar="LOOK", type=values.file_name, help=f"the look, .npz; {tables}; or {common.LOOKS}"
    )
    parser.add_argument(
        "photos",
        metavar="PHOTO",
        nargs="+",
        type=values.file_name,
        help="photo to change; several, a folder, or a pattern",
    )
    about = "photo to write: .png, .jpg, .tif or .webp; of several photos the folder, where they keep their names"
    common.add_output(parser, "OUT", about, required=True)
    places = parser.add_mutually_exclusive_group()
    places.add_argument(
        "--everywhere",
        action="store_true",
        help="treat all places of the frame alike, as the table of `lut` does (default for photos composed otherwise "
        "than the one that the look was made from)",
    )
    places.add_argument("--by-place", action="store_true", help="use each place's own colours, whatever the photo")
    common.add_mixing(parser, "PHOTO")
    common.add_bit_depth(parser, "PHOTO")
    common.add_device(parser)
    parser.set_defaults(run=common.function("apply"))


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
    common.add_output(parser, "LOOK.npz", "look to write", required=True)
    parser.set_defaults(run=common.function("look", "make"))


def _add_mix(commands: Any) -> None:
    about = "mix looks, or weaken one: the change that the new look makes is the weighted mean of theirs"
    parser = commands.add_parser("mix", help=about, description=about)
    about = f"a look, .npz, or {common.LOOKS}"
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
    common.add_output(parser, "LOOK.npz", "look to write", required=True)
    parser.set_defaults(run=common.function("look", "mix"))


def _add_lut(commands: Any) -> None:
    about = "write a look as a 3D lookup table for photo and video editors: .cube, or .png for a HaldCLUT"
    parser = commands.add_parser("lut", help=about, description=f"{about}: the part that does not depend on place.")
    parser.add_argument("look", metavar="LOOK", type=values.file_name, help=f"the look, .npz, or {common.LOOKS}")
    common.add_output(parser, "OUT.cube", "table to write", required=True)
    about = "colours per axis (default: 33; for a HaldCLUT 64, and a square always)"
    parser.add_argument("--size", metavar="N", type=values.table_size, default=argparse.SUPPRESS, help=about)
    common.add_mixing(parser, "the photo")
    parser.set_defaults(run=common.function("look", "lut"))


def _add_masks_command(commands: Any) -> None:
    about = "divide two photos into regions that correspond: label images to look at, correct and hand to `transfer`"
    parser = commands.add_parser("masks", help=about, description=about)
    parser.add_argument("content", metavar="CONTENT", type=values.file_name, help="photo to change")
    parser.add_argument("style", metavar="STYLE", type=values.file_name, help="photo to take light and colours from")
    common.add_output(parser, "DIR", "folder for content.png, style.png and sheet.png", required=True)
    common.add_auto_mask(parser, *filter(needs_network, SOURCES))
    for photo in ("content", "style"):
        parser.add_argument(
            f"--{photo}-scribbles",
            metavar="F",
            type=values.file_name,
            help=f"strokes in label colours on {photo.upper()}, or on a transparent layer",
        )
    common.add_network(parser)
    parser.set_defaults(run=common.function("masks"))


def _add_demo(commands: Any) -> None:
    about = "run a transfer on two photos that come with the program: a fine day becomes dusk"
    parser = commands.add_parser("demo", help=about, description=about)
    common.add_output(parser, "DIR", "folder to write to (default: photostyle-demo)", default="photostyle-demo")
    common.add_size(parser)
    common.add_iterations(parser)
    common.add_realism(parser)
    common.add_device(parser)
    parser.set_defaults(run=common.function("demo"))


def _add_video(commands: Any) -> None:
    about = "give a film the light of a photo: one look for each shot, so that nothing flickers (extra video)"
    parser = commands.add_parser(
        "video",
        help=about,
        description=f"{about}. Stopped and run again, it goes on. A folder beside OUT holds a look and a table "
        "(.cube) for each shot, a sheet, and report.json.",
    )
    parser.add_argument("film", metavar="IN", type=values.file_name, help="film to change")
    about = "photo to take light and colours from; several are mixed"
    parser.add_argument("references", metavar="REF", nargs="*", type=values.file_name, help=about)
    common.add_output(parser, "OUT", "film to write: .mp4, .mov or .mkv", required=True)
    parser.add_argument(
        "--look", metavar="LOOK", type=values.file_name, help=f"a look instead: .npz, or {common.LOOKS}"
    )
    shots = parser.add_mutually_exclusive_group()
    about = (
        "text file of the times in seconds at which shots begin; 12.0-13.5 is a dissolve (default: they are found)"
    )
    shots.add_argument("--shots", metavar="FILE", type=values.file_name, help=about)
    shots.add_argument("--no-shots", action="store_true", help="treat the whole film as one shot")
    about = "time in seconds of the frame on which its shot's look is solved (default: the one most like REF)"
    parser.add_argument("--keyframe", metavar="T", type=values.amount, help=about)
    about = "a key frame every N seconds of a shot, with looks blended between (default: one a shot)"
    parser.add_argument("--keyframes-every", metavar="N", type=values.positive_amount, help=about)
    about = "look: one for each shot (default); full: every frame is optimised, near the one before (short clips)"
    parser.add_argument("--method", choices=("look", "full"), default="look", help=about)
    about = "let looks treat places by themselves, for a camera that stands still"
    parser.add_argument("--local", action="store_true", help=about)
    about = "a table (.cube) from log to Rec. 709, which frames go through before"
    parser.add_argument("--log", metavar="CUBE", type=values.file_name, help=about)
    parser.add_argument("--dry-run", action="store_true", help="make looks and sheet, and encode nothing")
    about = "of OUT (default: h264 for 8 bits, hevc for more, prores for 4:2:2 of more)"
    parser.add_argument("--codec", choices=("h264", "hevc", "prores", "ffv1"), help=about)
    about = "quality of h264 and hevc, lower is better (default: the codec's)"
    parser.add_argument("--crf", metavar="N", type=values.whole, help=about)
    common.add_auto_mask(parser, *SOURCES)
    common.add_size(parser)
    common.add_preset(parser)
    common.add_iterations(parser)
    common.add_realism(parser)
    common.add_mixing(parser, "the film")
    common.add_keep_skin(parser)
    common.add_device(parser)
    parser.set_defaults(run=common.function("video"))


def _add_web(commands: Any) -> None:
    about = "serve a page for the browser: drop two photos, paint, turn dials, download (extra web)"
    parser = commands.add_parser(
        "web",
        help=about,
        description=f"{about}. Nothing comes from or goes to the outside. Ctrl-C ends it.",
    )
    about = "port to listen at (default: the first free one from 7860 on)"
    parser.add_argument("--port", metavar="N", type=values.port, help=about)
    about = "address to listen at (default: 127.0.0.1, this machine only); any other needs a password in the "
    about += "environment variable PHOTOSTYLE_PASSWORD, which visitors give with the name photostyle"
    parser.add_argument("--listen", metavar="ADDRESS", type=values.file_name, default="127.0.0.1", help=about)
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    common.add_device(parser)
    parser.set_defaults(run=common.function("web"))
