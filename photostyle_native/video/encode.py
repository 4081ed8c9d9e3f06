"""All parts of a film, encoded unless that was done before."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import PhotostyleError
from ..files import write_atomically
from .coherent import Coherent
from .grades import Grades
from .grading import Grader
from .pairs import read_pair, take_pair, write_pair
from .parts import Part, encode_part, output_format
from .shots import Shot
from .source import Film


@dataclass(frozen=True)
class Output:
    """How a film is written: its codec, the codec's quality or None, and whether looks treat places by themselves.

    `log` is the file of a table that frames go through before their looks, or None. A `painter` takes the place of
    looks.
    """

    codec: str
    crf: int | None = None
    local: bool = False
    log: str | None = None
    device: Any = "cpu"
    painter: Coherent | None = None


class Encoder:
    """Encodes a film in parts, into a folder.

    Args:
        film: the film.
        shots, parts: how it is divided.
        grades: its looks.
        output: how it is written.
        folder: where the parts are kept until the film is whole.
    """

    def __init__(
        self, film: Film, shots: Sequence[Shot], parts: Sequence[Part], grades: Grades, output: Output, folder: Path
    ) -> None:
        self._film, self._shots, self._parts, self._grades, self._output = film, shots, parts, grades, output
        self._folder = folder
        self.made = 0  # frames that were encoded now
        self._grader = Grader(
            film,
            grades.looks,
            grades.timeline,
            output_format(film, output.codec)[0],
            output.log,
            output.local,
            output.device,
            output.painter,
        )

    def run(self, tell: Callable[[str], None]) -> list[str]:
        """Encode what is not there yet; returns the files of all parts. `tell` hears of each that is encoded.

        Raises PhotostyleError if the film cannot be read or encoded.
        """
        for number, part in enumerate(self._parts, 1):
            if not self._done(number, part):
                tell(f"part {number} of {len(self._parts)}: {part.start:.1f} to {part.end:.1f} s")
                self._encode(number, part)
        return [self._file(number, "film") for number in range(1, len(self._parts) + 1)]

    def pairs(self, shot: int) -> list[np.ndarray]:
        """The pairs of frames that were kept of a shot."""
        numbers = (number for number, part in enumerate(self._parts, 1) if part.shot == shot)
        found = (read_pair(Path(self._file(number, "npy"))) for number in numbers)
        return [pair for pair in found if pair is not None]

    def clean(self) -> None:
        """Remove the files of all parts."""
        for number in range(1, len(self._parts) + 1):
            for kind in ("film", "json", "npy", "npz"):
                Path(self._file(number, kind)).unlink(missing_ok=True)

    def _encode(self, number: int, part: Part) -> None:
        output, (start, end) = self._output, self._shots[part.shot].clear
        frames = encode_part(self._film, part, self._grader, self._file(number, "film"), output.codec, output.crf)
        painter = output.painter
        if painter is not None:
            self._prepare(painter, number, part)
        time = (max(part.start, start) + min(part.end, end)) / 2
        count, pair = take_pair(self._film, frames, time)
        self.made += count
        write_pair(Path(self._file(number, "npy")), pair)
        if painter is not None:
            painter.save(Path(self._file(number, "npz")))
        write_atomically(self._file(number, "json"), json.dumps(self._about(part)).encode())

    def _prepare(self, painter: Coherent, number: int, part: Part) -> None:
        """Let the painter go on after the part before, or begin at a cut."""
        shot = self._shots[part.shot]
        if part.start == shot.start and shot.clear[0] <= shot.start:
            painter.begin()
        else:
            painter.load(Path(self._file(number - 1, "npz")))

    def _done(self, number: int, part: Part) -> bool:
        try:
            read_pair(Path(self._file(number, "npy")))
            about = json.loads(Path(self._file(number, "json")).read_text(encoding="utf-8"))
        except (OSError, ValueError, PhotostyleError):
            return False
        return Path(self._file(number, "film")).exists() and about == json.loads(json.dumps(self._about(part)))

    def _about(self, part: Part) -> dict[str, Any]:
        """Everything on which a part depends, ready for JSON."""
        output, points = self._output, self._grades.timeline.between(part.start, part.end)
        return {
            **{name: self._grades.made_from[name] for name in ("film", "log", "local")},
            **asdict(part),
            "looks": [(point.time, self._grades.looks[point.look].digest) for point in points],
            "codec": output.codec,
            "crf": output.crf,
            "painting": None if output.painter is None else asdict(output.painter.settings),
        }

    def _file(self, number: int, kind: str) -> str:
        return str(self._folder / f"part-{number:04}.{kind}")
