"""`photostyle evaluate-set DIR --self-reference`: the colour methods, and those of others, on halves of photos."""

from __future__ import annotations

import argparse
import csv
import io
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from torch import Tensor

from ..color.look import Look
from ..color.methods import METHODS, move_everywhere
from ..color.peers import PEERS, PhotoMethod, installed, peer
from ..errors import PhotostyleError
from ..evaluation.self_reference import NUMBERS, Trial, means, trials
from ..files import check_file, check_no_link, make_folder, write_atomically
from ..images.photo import read_photo
from ..images.photo_list import list_photos
from ..images.resize import working_size
from ..machine import resolve_device
from ..pipeline.looks import find_look, look_names
from ..pipeline.presets import default_size
from ..pipeline.transfer import transfer
from .messages import print_error
from .options import keyword_arguments
from .progress import plain_warnings
from .streams import printable, say

_HEADS = {"psnr": "PSNR, dB", "ssim": "SSIM", "delta_e": "dE (CIE76)", "h_corr": "H-Corr", "seconds": "s"}


def run(options: argparse.Namespace) -> int:
    """Run the command. Returns 0, or 1 if a photo could not be used.

    Raises:
        PhotostyleError: an option or a folder cannot be used.
    """
    arguments = keyword_arguments(transfer, options)
    device = resolve_device(arguments["device"])
    longest = options.size or default_size(device.type)
    folder = Path(options.output)
    path = folder / "self_reference.csv"
    entries = list_photos([options.folder], str(folder))
    make_folder(folder)
    check_no_link(path)
    check_file(str(path), "output")
    grades = {name: look for name in look_names() if isinstance(look := find_look(name), Look)}
    methods, missing = _methods(options, arguments)
    found: list[Trial] = []
    failed = 0
    with plain_warnings():
        for entry in entries:
            try:
                photo = read_photo(entry.photo).converted_to(None)
            except PhotostyleError as error:
                print_error(str(error))
                failed += 1
                continue
            small = photo.tensor(working_size(photo.size, longest), device)
            found += trials(entry.name, small, grades, methods, time.perf_counter)
            print(f"photostyle: {printable(entry.name)}", flush=True)
    if not found:
        raise PhotostyleError(f"{options.folder}: no photo can be used")
    write_atomically(str(path), _csv(found).encode(errors="backslashreplace"))
    console = Console()
    with console.capture() as shown:
        console.print(_table(found, f"{len(entries) - failed} photos, {len(grades)} grades, {longest} pixels"))
    print(shown.get(), end="")
    say(*(f"{name}: not installed" for name in missing), str(path))
    return 1 if failed else 0


def _methods(options: argparse.Namespace, arguments: dict[str, Any]) -> tuple[dict[str, PhotoMethod], list[str]]:
    """The methods by name, and the names of those that are not installed.

    A preset that is no colour method is run only if it was asked for, because it takes seconds.
    """
    methods: dict[str, PhotoMethod] = {name: partial(move_everywhere, name) for name in METHODS}
    preset = getattr(options, "preset", None)
    if preset is not None and preset not in methods:
        methods[preset] = partial(_whole_transfer, arguments)
    methods.update({name: peer(name) for name in PEERS if installed(name)})
    return methods, [name for name in PEERS if not installed(name)]


def _whole_transfer(arguments: dict[str, Any], content: Tensor, style: Tensor) -> Tensor:
    return transfer(content, style, **{**arguments, "size": None, "keep_skin": 0.0}).image


def _csv(found: list[Trial]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(asdict(found[0])), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(trial) for trial in found)
    return text.getvalue()


def _table(found: list[Trial], title: str) -> Table:
    table = Table("method", title=title)
    for number in NUMBERS:
        table.add_column(_HEADS[number], justify="right")
    for method, values in means(found).items():
        table.add_row(
            method, *(f"{values[n]:.2f}" if n in ("psnr", "delta_e") else f"{values[n]:.3f}" for n in NUMBERS)
        )
    return table
