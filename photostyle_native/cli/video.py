"""`photostyle video`: a film in the light of a photo, shot by shot, without flicker."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..color.look import Look
from ..color.mixing import MIXING
from ..errors import PhotostyleError
from ..files import check_file, check_no_link, file_hash, make_folder, same_file, write_atomically
from ..images.photo import as_photo, read_photo
from ..images.sheet import Tile, make_sheet, photo_pixels
from ..images.write import write_photo
from ..machine import resolve_device
from ..network.weights import load_vgg19
from ..pipeline.presets import check_iterations
from ..pipeline.transfer import transfer
from ..video.looks import Graded, clipped, grade_shot
from ..video.parts import Part, divide, encode_part, join, output_format
from ..video.shots import Shot, find_shots
from ..video.source import Film, check_av, frame_at, probe
from .look import named_look
from .options import keyword_arguments
from .progress import plain_warnings
from .streams import printable, say

CONTAINERS = (".mp4", ".mov", ".mkv")
_TABLE = 65  # colours per axis of the tables that ffmpeg applies
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
    folder = Path(os.path.splitext(options.output)[0] + ".photostyle")
    make_folder(folder)
    check_no_link(folder)
    codec = options.codec or (
        "prores" if "422" in film.pix_fmt and film.bits > 8 else "hevc" if film.bits > 8 else "h264"
    )
    begin = time.monotonic()
    shots = find_shots(film, _cuts(options))
    _tell(f"{len(shots)} shots, {sum(len(shot.frames) for shot in shots)} frames")
    with plain_warnings():
        tables, rows = _looks(options, film, shots, arguments, folder)
    sheet = folder / "sheet.jpg"
    write_photo(sheet, make_sheet(rows, height=_HEIGHT), quality=92)
    if options.dry_run:
        say(f"{sheet}: before, after and reference of {len(shots)} shots; nothing was encoded (--dry-run)")
        return 0
    parts = divide(shots)
    files, made = _encode(film, parts, tables, folder, codec, options.crf)
    seconds = time.monotonic() - begin
    join(film, files, options.output)
    note = output_format(film, codec)[1]
    report = {
        "film": {**asdict(film), "time_base": str(film.time_base), "rate": str(film.rate)},
        "codec": codec,
        "seconds": round(seconds, 2),
        "frames": made,
        "shots": [json.loads((folder / f"shot-{k:03}.json").read_text()) for k in range(1, len(shots) + 1)],
    }
    write_atomically(str(folder / "report.json"), (json.dumps(report, indent=2) + "\n").encode())
    for file in files:
        Path(file).unlink()
    say(
        f"{options.output}: {film.width} x {film.height}, {len(shots)} shots, {codec}",
        *([f"note: {note}"] if note else []),
        f"{folder}: a table and a look for each shot, sheet.jpg, report.json",
    )
    return 0


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
    if options.look is not None and options.keyframe is not None:
        raise PhotostyleError("--keyframe is for REF, and --look solves nothing")
    check_file(options.output, "film")


def _cuts(options: argparse.Namespace) -> list[float] | None:
    """The times at which shots begin, if they were given; no times make one shot."""
    if options.no_shots:
        return []
    if options.shots is None:
        return None
    try:
        return [float(line) for line in Path(options.shots).read_text(encoding="utf-8").split()]
    except (OSError, ValueError) as error:
        raise PhotostyleError(f"{options.shots}: a file of times in seconds is needed ({error})") from error


def _looks(
    options: argparse.Namespace, film: Film, shots: Sequence[Shot], arguments: dict[str, Any], folder: Path
) -> tuple[list[str], list[list[Tile]]]:
    """The tables of all shots, which are solved unless that was done before, and rows for a sheet."""
    references = [read_photo(path) for path in options.references]
    given = keyword_arguments(Look.cube, options)
    mixing = {name: given[name] for name in MIXING}
    made_from = {
        "film": file_hash(Path(film.path)),
        "references": [file_hash(Path(path)) for path in options.references],
        "look": options.look,
        "arguments": arguments,
        "keyframe": options.keyframe,
    }
    vgg = None
    tables, rows = [], []
    for number, shot in enumerate(shots, 1):
        name = folder / f"shot-{number:03}"
        record = {**made_from, "start": shot.start, "end": shot.end, "frames": len(shot.frames)}
        found = _finished(name, record)
        if found is None:
            _tell(f"shot {number} of {len(shots)}: the look")
            if options.look is not None:
                graded = Graded(named_look(options.look), shot.frames[len(shot.frames) // 2])
            else:
                vgg = vgg or load_vgg19().to(resolve_device(arguments["device"]))
                inside = options.keyframe is not None and shot.start <= options.keyframe < shot.end
                graded = grade_shot(film, shot, references, vgg, options.keyframe if inside else None, arguments)
            graded.look.save(f"{name}.npz")
            found = {**record, "key": graded.time, "notes": list(graded.notes)}
        look = Look.load(f"{name}.npz")
        before = as_photo(frame_at(film, found["key"]))
        after = as_photo(look.apply(before.tensor(), everywhere=True))
        if "clipped_before" not in found:
            found |= {"clipped_before": round(clipped(before), 5), "clipped_after": round(clipped(after), 5)}
            write_atomically(f"{name}.json", (json.dumps(found, indent=2) + "\n").encode())
        table = f"{name}.cube"
        write_atomically(table, look.cube(_TABLE, title=name.name, **mixing).encode("ascii"))
        tables.append(os.path.abspath(table))
        photos = {f"shot {number}, {found['key']:.2f} s": before, "after": after}
        tiles = [Tile(photo_pixels(photo), caption) for caption, photo in photos.items()]
        rows.append(tiles + [Tile(photo_pixels(photo), "reference") for photo in references])
    return tables, rows


def _finished(name: Path, record: dict[str, Any]) -> dict[str, Any] | None:
    """What is known of a shot that was solved before, from the same files with the same options."""
    try:
        found = json.loads(Path(f"{name}.json").read_text(encoding="utf-8"))
        Look.load(f"{name}.npz")
        same = all(found[key] == value for key, value in json.loads(json.dumps(record)).items())
        return found if same else None
    except (OSError, ValueError, KeyError, PhotostyleError):
        return None


def _encode(
    film: Film, parts: Sequence[Part], tables: Sequence[str], folder: Path, codec: str, crf: int | None
) -> tuple[list[str], int]:
    """Encode all parts that are not there yet; returns their files, and how many frames were made now."""
    files, made = [], 0
    wanted = {"codec": codec, "crf": crf, "film": file_hash(Path(film.path))}
    for number, part in enumerate(parts, 1):
        file, record = folder / f"part-{number:04}.film", folder / f"part-{number:04}.json"
        about = {**wanted, **asdict(part), "table": file_hash(Path(tables[part.shot]))}
        files.append(str(file))
        try:
            done = file.exists() and json.loads(record.read_text(encoding="utf-8")) == about
        except (OSError, ValueError):
            done = False
        if not done:
            _tell(f"part {number} of {len(parts)}: {part.start:.1f} to {part.end:.1f} s")
            made += encode_part(film, part, tables[part.shot], str(file), codec, crf)
            write_atomically(str(record), json.dumps(about).encode())
    return files, made


def _tell(words: str) -> None:
    print(f"photostyle: {printable(words)}", file=sys.stderr, flush=True)
