"""`photostyle transfer`: check everything that can be wrong first, then make the photo."""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import time
from typing import Any

import torch

from .._version import __version__
from ..color.look_file import check_look_name
from ..errors import PhotostyleError
from ..files import check_file, same_file, write_atomically
from ..images.photo import Photo, read_photo
from ..images.write import check_writable, write_photo
from ..machine import resolve_device
from ..optimization.solver import Iteration
from ..pipeline.inputs import check_both_masks
from ..pipeline.presets import PRESETS, mask_source
from ..pipeline.references import listed, style_shares
from ..pipeline.result import TransferResult
from ..pipeline.transfer import transfer
from ..segmentation.automatic import check_automatic
from .options import keyword_arguments
from .session import Session
from .streams import say

_SECONDS_BETWEEN_PREVIEWS = 1.0
MASK_OPTIONS = ("--content-mask", "--style-mask")
# Names among the parsed options and the arguments of `transfer` that are not options of the command line.
_NOT_OPTIONS = ("run", "term_weights", "start", "callback", "callback_every", "on_phase")


def run(options: argparse.Namespace) -> int:
    """Run the command. Returns 0, or 130 if Ctrl-C ended the optimisation early.

    Raises:
        PhotostyleError: an option or a file cannot be used, and nothing has been written; or a file besides the photo
            cannot be written, and the others have been.
    """
    arguments = keyword_arguments(transfer, options)
    check_options(options, arguments)
    content, style = read_photo(options.content), [read_photo(path) for path in options.style]
    check_writable(options.output, options.bit_depth, content.size)
    with Session(quiet=options.quiet) as session:
        snapshots = Snapshots(options, arguments, content) if options.save_every else None
        preview = Preview(options.preview, content) if options.preview else None
        result = session.solve(content, style, arguments, snapshots, preview, save_every=options.save_every)
        lost = write_photo(options.output, result.image, like=content, bit_depth=options.bit_depth, dither=True)
        notes = (*result.notes, *(f"{options.output}: {note}" for note in lost))
        notes += tuple(note for writer in (snapshots, preview) if writer for note in writer.notes)
        others, failure = _write_others(options, arguments, result, notes)
    if not options.quiet:
        written = [*(snapshots.written if snapshots else ()), *others]
        say(summary(result, options.output, notes), *(f"{path}: written" for path in written))
    if failure:
        raise failure
    return session.interrupts.exit_code(result.interrupted)


def _write_others(
    options: argparse.Namespace, arguments: dict[str, Any], result: TransferResult, notes: tuple[str, ...]
) -> tuple[list[str], PhotostyleError | None]:
    """Write report and look, if wanted. Returns the files and the last error: one must not prevent the other."""
    written, failure = [], None
    jobs = (
        (options.report, lambda path: write_report(path, result, {**arguments, **vars(options)}, notes)),
        (options.save_look, lambda path: result.look().save(path)),
    )
    for path, write in jobs:
        if path:
            try:
                write(path)
                written.append(path)
            except PhotostyleError as error:
                failure = error
    return written, failure


def check_options(options: argparse.Namespace, arguments: dict[str, Any]) -> None:
    """Raise PhotostyleError for what is wrong whatever the photos contain: masks, the device, files to write."""
    check_both_masks(options.content_mask, options.style_mask, MASK_OPTIONS)
    given = options.content_mask is not None
    source = mask_source(arguments["auto_mask"], arguments["preset"])
    check_automatic(source, options.regions, options.segment_model, masks_given=given)
    resolve_device(arguments["device"])
    listed(options.style, options.content_mask, options.style_mask)
    style_shares(len(options.style), options.style_weights)
    inputs = [
        ("CONTENT", options.content),
        *(("STYLE", path) for path in options.style),
        ("--content-mask", options.content_mask),
        *(("--style-mask", path) for path in options.style_mask or ()),
        ("--weights", arguments["weights"]),
    ]
    outputs = {
        "output": options.output,
        "report": options.report,
        "look": options.save_look,
        "preview": options.preview,
    }
    outputs = {what: path for what, path in outputs.items() if path}
    for role, path in inputs:
        for what, output in outputs.items():
            if path and same_file(path, output):
                raise PhotostyleError(f"{output}: the {what} would overwrite {role}")
        if path and options.save_every and _is_snapshot(path, options.output):
            raise PhotostyleError(f"{path}: --save-every could overwrite {role}")
    check_writable(options.output, options.bit_depth)
    for what, path in outputs.items():
        if what == "output":
            continue
        for other, other_path in outputs.items():
            if other != what and same_file(path, other_path):
                raise PhotostyleError(f"{path}: the {what} would overwrite the {other}")
        if what == "look":
            check_look_name(path)
        if what == "preview":
            check_writable(path)
        else:
            check_file(path, what)


def _is_snapshot(path: str, output: str) -> bool:
    """Whether `Snapshots` for this output may write to a file with the name of `path`."""
    path, output = os.path.realpath(path), os.path.realpath(output)
    stem, extension = os.path.splitext(os.path.basename(output))
    pattern = rf"{re.escape(stem)}-\d{{4,}}{re.escape(extension)}"
    in_folder = os.path.dirname(path) == os.path.dirname(output)
    return in_folder and re.fullmatch(pattern, os.path.basename(path)) is not None


class Snapshots:
    """A callback that writes the picture at working size every N iterations: OUT-0010.ext, OUT-0020.ext ...

    Iterations are counted through all stages.
    """

    def __init__(self, options: argparse.Namespace, arguments: dict[str, Any], content: Photo) -> None:
        self._every, self._depth, self._content = options.save_every, options.bit_depth, content
        self._stem, self._extension = os.path.splitext(options.output)
        self.written: list[str] = []
        self.notes: tuple[str, ...] = ()
        stages = PRESETS[arguments["preset"]].stages
        counts = [s.iterations if options.iterations is None else options.iterations for s in stages]
        self._before = {s.name: sum(counts[:k]) for k, s in enumerate(stages)}

    def __call__(self, iteration: Iteration) -> None:
        number = self._before[iteration.stage] + iteration.iteration
        if iteration.iteration and number % self._every == 0:
            path = f"{self._stem}-{number:04}{self._extension}"
            try:
                write_photo(path, iteration.image(), like=self._content, bit_depth=self._depth)
                self.written.append(path)
            except PhotostyleError as error:  # the transfer is worth more than its snapshots
                self.notes = self.notes or (f"not all snapshots were written: {error}",)


class Preview:
    """A callback that rewrites one file with what the result would be by now, at working size."""

    def __init__(self, path: str, content: Photo) -> None:
        self._path, self._content = path, content
        self._written = -math.inf
        self.notes: tuple[str, ...] = ()

    def __call__(self, iteration: Iteration) -> None:
        if time.monotonic() - self._written < _SECONDS_BETWEEN_PREVIEWS and not iteration.last:
            return
        try:
            write_photo(self._path, iteration.preview(), like=self._content, bit_depth=8, dither=True)
        except PhotostyleError as error:  # the transfer is worth more than its preview
            self.notes = self.notes or (f"the preview was not always written: {error}",)
        self._written = time.monotonic()


def write_report(path: str, result: TransferResult, options: dict[str, Any], notes: tuple[str, ...]) -> None:
    """Write `result.report()`, the versions and the command's options to a JSON file, completely or not at all."""
    report = {
        "version": __version__,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "options": {name: value for name, value in options.items() if name not in _NOT_OPTIONS},
        **result.report(),
        "notes": notes,
    }
    text = json.dumps(_without_nan(report), indent=2, ensure_ascii=False, allow_nan=False)
    write_atomically(path, (text + "\n").encode(errors="backslashreplace"))


def _without_nan(value: Any) -> Any:
    """Replace numbers that JSON does not have (infinity and NaN, energies of a diverged iteration) by None."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def summary(result: TransferResult, output: str, notes: tuple[str, ...]) -> str:
    """The text printed after a transfer: what was written, energy and time, the backend, and the notes."""
    (height, width), (low_height, low_width) = result.image.shape[-2:], result.working.shape[-2:]
    lines = [f"{output}: {width} x {height} pixels, solved at {low_width} x {low_height}"]
    if result.interrupted:
        lines.append("interrupted: this is the best picture so far")
    seconds = sum(result.timings.values())
    if result.energies:
        stage = [entry for entry in result.history if entry["stage"] == result.history[-1]["stage"]]
        change = f"{stage[0]['total']:.3e} -> {result.energies['total']:.3e}"
        lines.append(f"energy {change} in {len(stage) - 1} iterations ({stage[0]['stage']}), {seconds:.1f} s in all")
    else:
        lines.append(f"colours moved, nothing optimised, {seconds:.1f} s in all")
    network = f", VGG-19 weights {result.vgg_weights}, {result.precision}" if result.energies else ""
    lines.append(f"{result.backend}{network}")
    return "\n".join([*lines, *(f"note: {note}" for note in notes)])
