"""Finished results on disk, each with a record of what it was made from, so that a second run can reuse them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._version import __version__
from ..errors import PhotostyleError
from ..files import check_no_link, file_hash, write_atomically
from ..images.write import check_writable
from ..pipeline.result import TransferResult
from .pairs import Pair


@dataclass(frozen=True)
class Finished:
    """A result that can be scored; `seconds` and `iterations` are None if they are not known."""

    path: Path
    seconds: float | None = None
    iterations: int | None = None


class Records:
    """The results N.png of a folder, with a record N.json beside each.

    A result counts as finished only if its record has the same settings and the same hash of every input file, and if
    the picture is still the one that was written.

    Args:
        folder: an existing folder.
        settings: everything that a result depends on but its input files, ready for JSON.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder = folder
        self._settings = json.loads(json.dumps({"version": __version__, **settings}))

    def find(self, pair: Pair) -> Finished | None:
        """The finished result of a pair, or None."""
        path, record_path = self._paths(pair)
        try:
            record = json.loads(record_path.read_text(encoding="utf-8"))
            same = record["made_from"] == self.made_from(pair) and record["result"] == file_hash(path)
            return Finished(path, float(record["seconds"]), int(record["iterations"])) if same else None
        except (PhotostyleError, OSError, ValueError, KeyError, TypeError):  # no record yet, or another program's
            return None

    def check(self, pair: Pair) -> None:
        """Raise PhotostyleError if the result of a pair could not be written."""
        for path in self._paths(pair):
            check_no_link(path)
        check_writable(self._paths(pair)[0])

    def store(self, pair: Pair, made_from: dict[str, Any], result: TransferResult) -> Finished:
        """Write a result, then its record. Compute `made_from` before the transfer, as files may change meanwhile."""
        path, record_path = self._paths(pair)
        result.save(path)
        seconds = sum(result.timings.values())
        iterations = len(result.history) - len({entry["stage"] for entry in result.history})
        record = {
            "made_from": made_from,
            "result": file_hash(path),
            "seconds": seconds,
            "iterations": iterations,
            "labels": result.labels,
            "notes": result.notes,
            "backend": result.backend,
        }
        text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
        write_atomically(str(record_path), text.encode(errors="backslashreplace"))
        return Finished(path, seconds, iterations)

    def _paths(self, pair: Pair) -> tuple[Path, Path]:
        return self.folder / f"{pair.name}.png", self.folder / f"{pair.name}.json"

    def made_from(self, pair: Pair) -> dict[str, Any]:
        """Settings, and hashes of the input files, ready for JSON. Raises PhotostyleError if one cannot be read."""
        files = {
            "content": pair.content,
            "style": pair.style,
            "content_mask": pair.content_mask,
            "style_mask": pair.style_mask,
        }
        inputs = {role: None if path is None else file_hash(path) for role, path in files.items()}
        return {"settings": self._settings, "inputs": inputs}
