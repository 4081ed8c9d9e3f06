"""The grammar of the commands that measure: pictures, folders of pairs, this machine."""

from __future__ import annotations

import math
from typing import Any

from . import common_options as common
from . import values


def add_evaluate(commands: Any) -> None:
    about = (
        "score an output image: the energy that `transfer` minimises, and metrics of structure, style and artefacts"
    )
    parser = commands.add_parser("evaluate", help=about, description=about)
    parser.add_argument("content", metavar="CONTENT", type=values.file_name, help="the photo that was changed")
    parser.add_argument("style", metavar="STYLE", type=values.file_name, help="the photo with the light and colours")
    parser.add_argument("output", metavar="OUTPUT", type=values.file_name, help="the result, whoever made it")
    common.add_masks(parser)
    parser.add_argument(
        "--size",
        metavar="N|native",
        type=values.size_or_native,
        help="longest side to compare at (default: native, OUTPUT's own size)",
    )
    common.add_network(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=common.function("evaluate"))


def add_evaluate_set(commands: Any) -> None:
    about = "make or read the results of a folder of pairs, and score them beside the folder's reference results"
    parser = commands.add_parser(
        "evaluate-set",
        help=about,
        description=f"{about}. DIR has input/inN.png and style/tarN.png, and may have segmentation/inN.png and "
        "tarN.png (without them masks are found) and final_results/bestN_*.png. Finished pairs are not made again.",
    )
    parser.add_argument("folder", metavar="DIR", type=values.file_name, help="folder of pairs")
    where = "folder for results, tables and a sheet (default: photostyle-set)"
    common.add_output(parser, "OUT", where, default="photostyle-set")
    about = "instead: the colour methods, and those of color-matcher and colortrans if installed, on the photos of "
    about += "DIR: one half in another grade is the style for the other half, whose own grade is the truth"
    parser.add_argument("--self-reference", action="store_true", help=about)
    parser.add_argument(
        "--results", metavar="DIR2", type=values.file_name, help="score N.png or bestN_*.png of this folder"
    )
    parser.add_argument(
        "--size",
        metavar="N",
        type=values.positive,
        help=f"longest side to solve and to compare at ({common.SIZES})",
    )
    common.add_preset(parser)
    common.add_iterations(parser)
    common.add_realism(parser)
    common.add_network(parser)
    parser.set_defaults(run=common.function("evaluate_set"))


def add_bench(commands: Any) -> None:
    about = "time this package beside its peers on this machine; `bench compare` shows what changed"
    parser = commands.add_parser("bench", help=about, description=about)
    common.add_device_option(parser, default="auto", about="default: auto, the CPU and a GPU if there is one")
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
    common.add_output(parser, "DIR", "folder for results.json, report.html and plots")
    parser.set_defaults(run=common.function("bench"))
    kinds = parser.add_subparsers(metavar="[compare A.json B.json]")
    about = (
        "what changed from one result of `bench` to another, beyond noise; exit code 1 if ours became slower, 3 if "
        "noise hides too much to say"
    )
    comparison = kinds.add_parser("compare", help=about, description=about)
    comparison.add_argument("before", metavar="A.json", type=values.file_name, help="results.json of the first run")
    comparison.add_argument("after", metavar="B.json", type=values.file_name, help="results.json of the second run")
    comparison.set_defaults(run=common.function("bench", "compare"))


def add_doctor(commands: Any) -> None:
    about = "say what is installed, which kernels run on what, and why a fallback would"
    parser = commands.add_parser("doctor", help=about, description=about)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=common.function("doctor"))
