"""`photostyle batch`: many photos in the light of one, or in one look; stopped and run again, it goes on."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..batch.cluster import check_ray, on_cluster
from ..batch.contact_sheets import PER_SHEET, contact_sheet
from ..batch.key_photo import color_summary, most_typical
from ..batch.record import FAILED, KEPT, MADE, OPEN, Record
from ..batch.work import Task, make_photo, network, style_photos
from ..color.look import Look
from ..color.mixing import MIXING, Mix
from ..errors import PhotostyleError
from ..files import check_file, check_no_link, file_hash, make_folder
from ..images.photo import read_photo
from ..images.photo_list import Entry, list_photos
from ..images.write import write_photo
from ..machine import resolve_device
from ..pipeline.looks import find_look
from ..pipeline.presets import check_iterations, mask_source
from ..pipeline.references import style_shares
from ..pipeline.transfer import transfer
from ..segmentation.automatic import check_automatic
from .interrupts import Interrupted, exit_code
from .messages import print_error
from .options import keyword_arguments
from .session import Session
from .streams import printable, say

# Arguments of `transfer` that a batch does not have, or not as values that can be sent to another machine.
_ABSENT = ("content_mask", "style_mask", "term_weights", "start", "callback", "callback_every", "on_phase")
# Options that say how a transfer is solved.
_SOLVING = (
    "one_look",
    "key",
    "style_weights",
    "auto_mask",
    "regions",
    "segment_model",
    "size",
    "preset",
    "iterations",
    "realism",
    "keep_skin",
    "weights",
)


def run(options: argparse.Namespace) -> int:
    """Run the command. Returns 0, 1 if a photo could not be made, or by the signal that ended it: 130 for Ctrl-C.

    Raises:
        PhotostyleError: an option or a folder cannot be used, or no cluster answers.
    """
    task = _task(options)
    if options.ray is not None:
        check_ray()
    entries = list_photos(options.photos, options.output)
    folder = Path(options.output)
    make_folder(folder)
    for name in ("report.json", "sheet.jpg", "look.npz"):
        check_no_link(folder / name)
        check_file(str(folder / name), "output")
    about = {"key_photo": _key_photo(options.key, entries)} if options.one_look else {}
    record = Record(folder, {**task.settings(), **about}, task.files())
    record.about = about
    left = _left(record, entries)
    code = 0
    try:
        if left and options.one_look:
            task = _one_look(task, about["key_photo"], folder)
        for entry, before, outcome in _made(options, task, left, len(entries)):
            _note(record, entry, before, outcome)
    except KeyboardInterrupt as error:
        code = exit_code(error)
    record.write()
    sheets = _sheets(folder, entries, record)
    say(
        f"{folder}: {record.count(MADE)} made, {record.count(KEPT)} kept, {record.count(FAILED)} failed, "
        f"{record.count(OPEN)} left",
        *([f"the look was made on {about['key_photo']}"] if about else []),
        *(str(path) for path in (record.path, *sheets)),
    )
    if code:
        print("photostyle: interrupted; the same command goes on", file=sys.stderr)
    return code or (1 if record.count(FAILED) else 0)


def _task(options: argparse.Namespace) -> Task:
    """What is to be done with every photo. Raises PhotostyleError for options that do not go together."""
    given = keyword_arguments(transfer, options)
    resolve_device(given["device"])
    mixing = {name: given[name] for name in MIXING}
    if options.look is not None:
        _check_look_only(options)
        Mix(**mixing)
        find_look(options.look)
        applying = {"device": given["device"], "everywhere": False, **mixing}
        return Task(look=options.look, applying=applying, bit_depth=options.bit_depth)
    if options.key is not None and not options.one_look:
        raise PhotostyleError("--key is for --one-look")
    style_shares(len(options.style), options.style_weights)
    source = mask_source(given["auto_mask"], given["preset"])
    check_automatic(source, options.regions, options.segment_model)
    check_iterations(given["preset"], given["iterations"])
    solving = {name: value for name, value in given.items() if name not in _ABSENT}
    return Task(styles=tuple(options.style), solving=solving, bit_depth=options.bit_depth)


def _check_look_only(options: argparse.Namespace) -> None:
    """Raise PhotostyleError for an option that only solving has: with a look it would change nothing."""
    given = [name for name in _SOLVING if getattr(options, name, None) not in (None, False)]
    if given:
        raise PhotostyleError(f"--{given[0].replace('_', '-')} is for --style, and --look solves nothing")


def _key_photo(key: str | None, entries: Sequence[Entry]) -> str:
    """The photo on which one look for all is solved: `key`, or the one with the most typical colours."""
    if key is not None:
        if not any(os.path.realpath(key) == os.path.realpath(entry.photo) for entry in entries):
            raise PhotostyleError(f"--key {key}: this is none of the photos")
        return key
    names, summaries = [], []
    for entry in entries:
        try:
            summaries.append(color_summary(read_photo(entry.photo)))
            names.append(entry.photo)
        except PhotostyleError:  # it will be reported when its turn comes
            continue
    if not names:
        raise PhotostyleError(f"{entries[0].photo}: none of the photos can be read")
    return names[most_typical(summaries)]


def _one_look(task: Task, key: str, folder: Path) -> Task:
    """Solve the transfer on the key photo, and save its look; returns the task of applying it to every photo."""
    print(f"photostyle: the look for all is made on {printable(key)}", file=sys.stderr)
    arguments = {**task.solving, "weights": network(task.solving), "strength": 1.0}
    mixing = {name: task.solving[name] for name in MIXING}
    with Session() as session:
        result = session.solve(read_photo(key), style_photos(task.styles), arguments)
    if result.interrupted:
        raise KeyboardInterrupt
    look: Look = result.look()
    path = str(folder / "look.npz")
    look.save(path)
    applying = {"device": task.solving["device"], "everywhere": True, **mixing}
    return Task(look=os.path.abspath(path), applying=applying, bit_depth=task.bit_depth)


def _left(record: Record, entries: Sequence[Entry]) -> list[Entry]:
    """The photos that are to be made; those that are finished are noted as kept."""
    left = []
    for entry in entries:
        if not record.finished(entry):
            record.expect(entry)
            left.append(entry)
    return left


def _made(
    options: argparse.Namespace, task: Task, entries: Sequence[Entry], total: int
) -> Iterator[tuple[Entry, str, dict[str, Any]]]:
    """Make photos here or on a cluster; yields each with the hash of its file before, and the outcome."""
    hashes, ready = {}, []
    for entry in entries:
        try:
            make_folder(Path(entry.output).parent)
            check_no_link(Path(entry.output))
            hashes[entry.output] = file_hash(Path(entry.photo))
            ready.append(entry)
        except PhotostyleError as error:
            yield entry, "", {"error": str(error)}
    if options.ray is None:
        outcomes = _made_here(task, ready, total)
    else:
        paths = [replace(e, photo=os.path.abspath(e.photo), output=os.path.abspath(e.output)) for e in ready]
        original = dict(zip(paths, ready, strict=True))
        share = options.ray_cpus, options.ray_gpus
        outcomes = ((original[entry], out) for entry, out in on_cluster(options.ray, task.anywhere(), paths, *share))
    for number, (entry, outcome) in enumerate(outcomes, total - len(ready) + 1):
        if options.ray is not None:
            print(f"photostyle: {number} of {total}: {printable(entry.name)}", file=sys.stderr)
        yield entry, hashes[entry.output], outcome


def _made_here(task: Task, entries: Sequence[Entry], total: int) -> Iterator[tuple[Entry, dict[str, Any]]]:
    for number, entry in enumerate(entries, total - len(entries) + 1):
        title = f"{number} of {total}: {printable(entry.name)}"
        try:
            with Session(title=title) as session:
                outcome = make_photo(task, entry.photo, entry.output, session.solve)
        except PhotostyleError as error:
            outcome = {"error": str(error)}
        yield entry, outcome
        if session.interrupts.number is not None:  # it came while the file was written
            raise Interrupted(session.interrupts.number)


def _note(record: Record, entry: Entry, before: str, outcome: dict[str, Any]) -> None:
    if "error" in outcome:
        print_error(outcome["error"])
        record.failed(entry, outcome["error"])
    else:
        record.made(entry, before, outcome)


def _sheets(folder: Path, entries: Sequence[Entry], record: Record) -> list[Path]:
    """Write contact sheets of what is finished, sheet.jpg, sheet-2.jpg and so on."""
    done = [entry for entry in entries if record.photos[entry.output]["status"] in (MADE, KEPT)]
    sheets = []
    for number, first in enumerate(range(0, len(done), PER_SHEET), 1):
        path = folder / ("sheet.jpg" if number == 1 else f"sheet-{number}.jpg")
        check_no_link(path)
        write_photo(path, contact_sheet(done[first : first + PER_SHEET]), quality=92)
        sheets.append(path)
    return sheets
