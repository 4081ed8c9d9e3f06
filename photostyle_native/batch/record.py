"""The report of a batch, report.json: what was made of which photo from what, so that a second run can go on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .._version import __version__
from ..errors import PhotostyleError
from ..files import file_hash, write_atomically
from ..images.photo_list import Entry

MADE, KEPT, FAILED, OPEN = "made", "kept", "failed", "open"


class Record:
    """The report of the photos in a folder of results.

    A photo counts as finished only if it was made from the same bytes of every file with the same settings, and if
    the result is still the file that was written.

    Args:
        folder: the folder of results, which exists.
        settings: everything that all results depend on besides files, ready for JSON.
        files: files that all results depend on, besides the photos.

    Raises:
        PhotostyleError: one of the files cannot be read.
    """

    def __init__(self, folder: Path, settings: dict[str, Any], files: tuple[str, ...]) -> None:
        self.path = folder / "report.json"
        shared = {"version": __version__, "settings": settings, "files": {f: file_hash(Path(f)) for f in files}}
        self._shared = json.loads(json.dumps(shared))
        self._before = self._read()
        self.photos: dict[str, dict[str, Any]] = {}
        self.about: dict[str, Any] = {}  # what else the report says of the whole batch

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            report = json.loads(self.path.read_text(encoding="utf-8"))
            same = all(report[key] == value for key, value in self._shared.items())
            return {photo["output"]: photo for photo in report["photos"]} if same else {}
        except (OSError, ValueError, KeyError, TypeError):  # no report yet, or another program's
            return {}

    def finished(self, entry: Entry) -> bool:
        """Whether this photo's result is there, and as it would be made again; it is then noted as kept."""
        before = self._before.get(entry.output)
        try:
            same = (
                before is not None
                and before["status"] in (MADE, KEPT)
                and before["photo_hash"] == file_hash(Path(entry.photo))
                and before["output_hash"] == file_hash(Path(entry.output))
            )
        except (PhotostyleError, KeyError):
            same = False
        if same and before is not None:
            self.photos[entry.output] = {**before, "status": KEPT}
        return same

    def expect(self, entry: Entry) -> None:
        """Note that a photo is still to be made."""
        self.photos[entry.output] = {"photo": entry.photo, "output": entry.output, "status": OPEN}

    def made(self, entry: Entry, photo_hash: str, outcome: dict[str, Any]) -> None:
        """Note a result that was written; `photo_hash` is of the photo before the work, `outcome` of `make_photo`."""
        self.photos[entry.output] = {
            "photo": entry.photo,
            "output": entry.output,
            "status": MADE,
            "photo_hash": photo_hash,
            "output_hash": file_hash(Path(entry.output)),
            **outcome,
        }
        self.write()

    def failed(self, entry: Entry, problem: str) -> None:
        """Note that a photo could not be made, and why."""
        failure = {"photo": entry.photo, "output": entry.output, "status": FAILED, "error": problem}
        self.photos[entry.output] = failure
        self.write()

    def count(self, *statuses: str) -> int:
        """How many photos have one of these statuses."""
        return sum(photo["status"] in statuses for photo in self.photos.values())

    def write(self) -> None:
        """Write report.json."""
        report = {**self._shared, **self.about, "photos": list(self.photos.values())}
        text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
        write_atomically(str(self.path), text.encode(errors="backslashreplace"))
