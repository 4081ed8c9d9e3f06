"""`photostyle video`: a film in the light of a photo, shot by shot, without flicker."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..color.look import Look
from ..color.mixing import MIXING, Mix
from ..color.table import Table
from ..errors import PhotostyleError
from ..files import check_file, check_no_link, make_folder, same_file, write_atomically
from ..images.photo import as_photo, read_photo
from ..images.sheet import Tile, lowered, make_sheet
from ..images.write import write_photo
from ..machine import resolve_device
from ..network.weights import shared_vgg19
from ..optimization.stage import exactly
from ..pipeline.presets import PRESETS, check_iterations, default_size, optimises
from ..pipeline.transfer import transfer
from ..video.coherent import Coherent, Settings, check_flow
from ..video.edl import edit_decisions
from ..video.encode import Encoder, Output
from ..video.grades import Grades, Plan, make_grades
from ..video.join import join
from ..video.looks import photo_at
from ..video.pairs import shot_metrics
from ..video.parts import divide, output_format
from ..video.shots import Cut, Shot, find_shots
from ..video.source import Film, check_av, probe
from .look import named_look
from .options import keyword_arguments
from .progress import plain_warnings
from .streams import printable, say

CONTAINERS = (".mp4", ".mov", ".mkv")
_BT709 = 1  # by ffmpeg's numbers: the primaries and the transfer that tables for log lead to
_HEIGHT = 240  # of the frames on the sheet, in pixels
_FILM_ARGUMENTS = (
    "preset",
    "size",
    "iterations",
    "realism",
    "keep_skin",
    "auto_mask",
    "regions",
    "segment_model",
    "device",
)


def run(options: argparse.Namespace) -> int:
    """Run the command. Returns 0, or raises KeyboardInterrupt; run again, it goes on where it was.

    Raises:
        PhotostyleError: an option or a file cannot be used.
    """
    check_av()
    arguments = {name: keyword_arguments(transfer, options)[name] for name in _FILM_ARGUMENTS}
    _check(options, arguments)
    film = probe(options.film)
    plan = _plan(options, film, arguments)
    folder = Path(os.path.splitext(options.output)[0] + ".photostyle")
    make_folder(folder)
    check_no_link(folder)
    begin = time.monotonic()
    shots = find_shots(film, _cuts(options))
    frames, dissolves = sum(len(shot.frames) for shot in shots), _dissolves(shots)
    _tell(f"{len(shots)} shots, {dissolves} dissolves, {frames} frames")
    with plain_warnings():
        grades = make_grades(plan, shots, folder, _tell)
    write_atomically(str(folder / "shots.edl"), edit_decisions(shots, film.rate, Path(film.path).name).encode())
    sheet = folder / "sheet.jpg"
    write_photo(sheet, make_sheet(_rows(plan, grades), height=_HEIGHT), quality=92)
    if options.dry_run:
        say(f"{sheet}: before, after and reference of {len(shots)} shots; nothing was encoded (--dry-run)")
        return 0
    if plan.log is not None:
        film = replace(film, primaries=_BT709, transfer=_BT709)
    device = resolve_device(arguments["device"])
    painter = _painter(options, plan, grades)
    output = Output(_codec(options, film), options.crf, options.local, options.log, device, painter)
    encoder = Encoder(film, shots, divide(shots), grades, output, folder)
    join(film, encoder.run(_tell), options.output)
    seconds = time.monotonic() - begin
    report = {
        "film": {**asdict(film), "time_base": str(film.time_base), "rate": str(film.rate)},
        "codec": output.codec,
        "seconds": round(seconds, 2),
        "frames": encoder.made,
        "shots": [
            {**_about(shot), "looks": [key.report for key in keys], **_metrics(encoder, k)}
            for k, (shot, keys) in enumerate(zip(shots, grades.keys, strict=True))
        ],
    }
    write_atomically(str(folder / "report.json"), (json.dumps(report, indent=2) + "\n").encode())
    encoder.clean()
    note = output_format(film, output.codec)[1]
    say(
        f"{options.output}: {film.width} x {film.height}, {len(shots)} shots, {output.codec}",
        *([f"note: {note}"] if note else []),
        f"{folder}: a table and a look for each shot, sheet.jpg, shots.edl, report.json",
    )
    return 0


def _plan(options: argparse.Namespace, film: Film, arguments: dict[str, Any]) -> Plan:
    """Where the looks come from. Raises PhotostyleError if a file cannot be read."""
    given = keyword_arguments(Look.cube, options)
    return Plan(
        film,
        paths=options.references,
        references=[read_photo(path) for path in options.references],
        look=None if options.look is None else (options.look, named_look(options.look)),
        log=None if options.log is None else (options.log, Table.read_cube(options.log)),
        key=options.keyframe,
        every=options.keyframes_every,
        arguments=arguments,
        mixing={name: given[name] for name in MIXING},
        local=options.local,
    )


def _painter(options: argparse.Namespace, plan: Plan, grades: Grades) -> Coherent | None:
    """What optimises every frame, if that was asked for."""
    if options.method != "full":
        return None
    arguments, preset = plan.arguments, PRESETS[plan.arguments["preset"]]
    device = resolve_device(arguments["device"])
    realism = preset.realism if arguments["realism"] is None else arguments["realism"]
    (stage,) = preset.stages
    if arguments["iterations"] is not None:
        stage = exactly(stage, arguments["iterations"])
    settings = Settings(arguments["size"] or default_size(device.type), stage, realism, Mix(**plan.mixing))
    return Coherent(plan.references, grades.looks, grades.timeline, shared_vgg19("bundled", device), settings)


def _codec(options: argparse.Namespace, film: Film) -> str:
    fitting = "prores" if "422" in film.pix_fmt and film.bits > 8 else "hevc" if film.bits > 8 else "h264"
    return str(options.codec or fitting)


def _dissolves(shots: Sequence[Shot]) -> int:
    return sum(one.clear[1] < other.clear[0] for one, other in pairwise(shots))


def _about(shot: Shot) -> dict[str, Any]:
    return {"start": shot.start, "end": shot.end, "clear": shot.clear}


def _metrics(encoder: Encoder, shot: int) -> dict[str, Any]:
    pairs = encoder.pairs(shot)
    return {"pairs": len(pairs), "metrics": shot_metrics(pairs)}


def _rows(plan: Plan, grades: Grades) -> list[list[Tile]]:
    """The rows of the sheet: a look's key frame before and after, and the references."""
    log, rows = None if plan.log is None else plan.log[1], []
    references = [Tile(lowered(photo, _HEIGHT), "reference") for photo in plan.references]
    for shot, keys in enumerate(grades.keys, 1):
        for key in keys:
            before = photo_at(plan.film, key.time, log)
            after = as_photo(grades.looks[key.look].look.apply(before.tensor(), everywhere=True, **plan.mixing))
            tiles = [Tile(lowered(before, _HEIGHT), f"shot {shot}, {key.time:.2f} s")]
            rows.append([*tiles, Tile(lowered(after, _HEIGHT), "after"), *references])
    return rows


def _check(options: argparse.Namespace, arguments: dict[str, Any]) -> None:
    resolve_device(arguments["device"])
    check_iterations(arguments["preset"], arguments["iterations"])
    extension = os.path.splitext(options.output)[1].lower()
    if extension not in CONTAINERS:
        raise PhotostyleError(f"{options.output}: a film is written as {', '.join(CONTAINERS)}")
    for role, path in (("IN", options.film), *(("REF", path) for path in options.references)):
        if same_file(path, options.output):
            raise PhotostyleError(f"{options.output}: the output would overwrite {role}")
    if bool(options.references) == (options.look is not None):
        raise PhotostyleError("give REF, a photo with the light, or --look")
    for name, value in (("keyframe", options.keyframe), ("keyframes-every", options.keyframes_every)):
        if options.look is not None and value is not None:
            raise PhotostyleError(f"--{name} is for REF, and --look solves nothing")
    if options.method == "full":
        optimising = optimises(arguments["preset"], arguments["realism"]) and arguments["preset"] != "paper"
        if options.look is not None or options.local or not optimising:
            raise PhotostyleError(
                "--method full is for REF and the presets default and draft, without --look, --local or --realism 1"
            )
        check_flow()
    check_file(options.output, "film")


def _cuts(options: argparse.Namespace) -> list[Cut] | None:
    """Where shots begin, if that was given; no times make one shot."""
    if options.no_shots:
        return []
    if options.shots is None:
        return None
    try:
        words = Path(options.shots).read_text(encoding="utf-8").split()
        spans = [[float(time) for time in word.split("-")] for word in words]
        cuts = [(span[0], span[-1]) for span in spans]
        if all(len(span) <= 2 and 0 <= span[0] <= span[-1] < math.inf for span in spans):
            return cuts
        raise ValueError("a dissolve is written as 12.0-13.5")
    except (OSError, ValueError) as error:
        raise PhotostyleError(f"{options.shots}: a file of times in seconds is needed ({error})") from error


def _tell(words: str) -> None:
    print(f"photostyle: {printable(words)}", file=sys.stderr, flush=True)
