"""`photostyle evaluate-set`: make or read results for a folder of pairs, and score them beside its references."""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from ..errors import PhotostyleError
from ..evaluation.contact_sheet import contact_sheet
from ..evaluation.pairs import Pair, find_pairs, find_result
from ..evaluation.records import Finished, Records
from ..evaluation.scores import Score, score_pair
from ..evaluation.tables import labels_csv, scores_csv, summary_table
from ..files import check_file, check_no_link, make_folder, write_atomically
from ..images.write import check_writable, write_photo
from ..machine import resolve_device
from ..network.vgg19 import VGG19
from ..network.weights import load_vgg19
from ..pipeline.inputs import resolve_precision
from ..pipeline.presets import PRESETS, default_size, mask_source
from ..pipeline.transfer import transfer
from . import self_reference
from .messages import print_error
from .options import keyword_arguments
from .progress import plain_warnings
from .session import Session
from .streams import printable, say


def run(options: argparse.Namespace) -> int:
    """Run the command. Returns 0, 1 if a pair is broken, or 130 if Ctrl-C ended the transfers early.

    Raises:
        PhotostyleError: an option or a folder cannot be used.
    """
    if options.self_reference:
        return self_reference.run(options)
    arguments = keyword_arguments(transfer, options)
    device = resolve_device(arguments["device"])
    longest = options.size or default_size(device.type)
    given = [name for name in ("preset", "iterations", "realism") if getattr(options, name, None) is not None]
    if options.results is not None and given:
        raise PhotostyleError(f"--{given[0]} is for transfers, and --results makes none: leave it out")
    pairs, broken = find_pairs(Path(options.folder))
    failures = _Failures(broken)
    folder = Path(options.output)
    outputs = {name: str(folder / name) for name in ("metrics.csv", "labels.csv", "sheet.jpg")}
    make_folder(folder / "results")
    check_no_link(folder / "results")
    for path in outputs.values():
        check_no_link(Path(path))
        check_file(path, "output")
    vgg = load_vgg19(arguments["weights"]).to(device)
    arguments = {**arguments, "weights": vgg}
    if options.results is None:
        records = Records(folder / "results", _settings(**{**arguments, "size": longest}))
        finished, interrupted = _transfers(pairs, records, arguments, failures)
    else:
        finished, interrupted = _existing(pairs, Path(options.results), failures), False
    scores = _scores([pair for pair in pairs if pair.name in finished], finished, longest, vgg, failures)
    if scores:
        _write(outputs, pairs, scores)
        console = Console()
        with console.capture() as shown:  # rich would end the program itself if it wrote to a closed pipe
            console.print(summary_table(scores, f"compared at a longest side of {longest} pixels at most"))
        print(shown.get(), end="")
        say(*outputs.values())
    if interrupted:
        print(f"photostyle: interrupted, {len(finished)} of {len(pairs)} pairs are finished", file=sys.stderr)
        return 130
    return 1 if failures else 0


class _Failures:
    """The pairs that failed; each is printed when it is added."""

    def __init__(self, broken: dict[str, str]) -> None:
        self._count = 0
        for name, problem in broken.items():
            self.add(name, problem)

    def add(self, name: str, problem: str) -> None:
        self._count += 1
        print_error(f"pair {name}: {problem}")

    def __bool__(self) -> bool:
        return self._count > 0


def _transfers(
    pairs: list[Pair], records: Records, arguments: dict[str, Any], failures: _Failures
) -> tuple[dict[str, Finished], bool]:
    """Find the results that are finished and make the others; returns them by pair, and whether Ctrl-C was pressed.

    After Ctrl-C no more transfers are made, but finished results of later pairs are still found.
    """
    finished: dict[str, Finished] = {}
    interrupted = False
    for number, pair in enumerate(pairs, 1):
        try:
            result = records.find(pair)
            if result is None and not interrupted:
                records.check(pair)
                made_from = records.made_from(pair)
                print(f"photostyle: pair {printable(pair.name)}, {number} of {len(pairs)}", file=sys.stderr)
                masks = {"content_mask": pair.content_mask, "style_mask": pair.style_mask}
                with Session() as session:
                    made = session.solve(pair.content, pair.style, {**arguments, **masks})
                    result = None if made.interrupted else records.store(pair, made_from, made)
                interrupted = session.interrupts.exit_code(made.interrupted) != 0
            if result is not None:
                finished[pair.name] = result
        except PhotostyleError as error:
            failures.add(pair.name, str(error))
        except KeyboardInterrupt:
            interrupted = True
    return finished, interrupted


def _settings(
    weights: VGG19,
    precision: str,
    size: int,
    preset: str,
    iterations: int | None,
    realism: float | None,
    auto_mask: str,
    seed: int,
    **_: Any,
) -> dict[str, Any]:
    """Everything that a result depends on besides its photos and masks, from the arguments of `transfer`."""
    return {
        "size": size,
        "preset": preset,
        "iterations": iterations,
        "weights": weights.source,
        "weights_hash": _network_hash(weights),
        "precision": str(resolve_precision(precision, weights.mean.device).dtype).removeprefix("torch."),
        "realism": PRESETS[preset].realism if realism is None else realism,
        "auto_mask": mask_source(auto_mask, preset),
        "seed": seed,
    }


def _network_hash(vgg: VGG19) -> str:
    """SHA-256 of the network's parameters, because two files of weights may have the same name."""
    sha = hashlib.sha256()
    for parameter in vgg.buffers():
        sha.update(parameter.cpu().numpy().tobytes())
    return sha.hexdigest()


def _existing(pairs: list[Pair], folder: Path, failures: _Failures) -> dict[str, Finished]:
    if not folder.is_dir():
        raise PhotostyleError(f"{folder}: no such folder")
    paths = {pair.name: find_result(folder, pair.name) for pair in pairs}
    if not any(paths.values()):
        raise PhotostyleError(f"{folder}: there is no result of any pair, such as {pairs[0].name}.png")
    for name, path in paths.items():
        if path is None:
            failures.add(name, f"{folder / name}.* is missing")
    return {name: Finished(path) for name, path in paths.items() if path is not None}


def _scores(
    pairs: list[Pair], finished: dict[str, Finished], longest: int, vgg: VGG19, failures: _Failures
) -> list[Score]:
    scores = []
    for pair in pairs:
        try:
            with plain_warnings():
                found, problems = score_pair(pair, finished[pair.name], longest, vgg)
        except PhotostyleError as error:
            found, problems = [], [str(error)]
        scores += found
        for problem in problems:
            failures.add(pair.name, problem)
    return scores


def _write(outputs: dict[str, str], pairs: list[Pair], scores: list[Score]) -> None:
    tables: dict[str, Callable[[list[Score]], str]] = {"metrics.csv": scores_csv, "labels.csv": labels_csv}
    for name, table in tables.items():
        write_atomically(outputs[name], table(scores).encode(errors="backslashreplace"))
    check_writable(outputs["sheet.jpg"])
    write_photo(outputs["sheet.jpg"], contact_sheet(pairs, scores), quality=92)
