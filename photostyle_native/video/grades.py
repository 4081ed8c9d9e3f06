"""All looks of a film, solved unless that was done before, and what is kept of them in the folder beside it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..color.look import Look
from ..color.table import Table
from ..errors import PhotostyleError
from ..files import file_hash, write_atomically
from ..images.photo import Photo
from ..machine import resolve_device
from ..network.weights import shared_vgg19
from .grading import Grade
from .looks import Solved, candidates, middle, solve_look
from .shots import Shot
from .source import Film
from .timeline import Timeline, make_timeline, spans

_TABLE = 65  # colours per axis of the tables that ffmpeg applies


@dataclass(frozen=True, eq=False)
class Plan:
    """Where the looks of a film come from.

    Args:
        film: the film.
        paths, references: the style photos, by their files and as they were read; none if there is a `look`.
        look: a look for all shots with its name, or None.
        log: the file of a table that frames go through before, and the table; or None.
        key: the time of a frame on which its shot's look is solved, or None.
        every: seconds between the key frames of long shots, or None for one a shot.
        arguments: keyword arguments of `transfer`.
        mixing: keyword arguments of `Look.apply`.
        local: whether looks treat places by themselves.
    """

    film: Film
    paths: Sequence[str] = ()
    references: Sequence[Photo] = ()
    look: tuple[str, Look] | None = None
    log: tuple[str, Table] | None = None
    key: float | None = None
    every: float | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    mixing: dict[str, Any] = field(default_factory=dict)
    local: bool = False

    def made_from(self) -> dict[str, Any]:
        """Everything on which all looks depend, ready for JSON."""
        return {
            "film": file_hash(Path(self.film.path)),
            "references": [file_hash(Path(path)) for path in self.paths],
            "look": None if self.look is None else [self.look[0], _hash_of(self.look[1])],
            "log": None if self.log is None else file_hash(Path(self.log[0])),
            "arguments": self.arguments,
            "keyframe": self.key,
            "local": self.local,
        }


@dataclass(frozen=True, eq=False)
class Key:
    """A key frame: the number of the look that was solved on it, its time, and what there is to report."""

    look: int
    time: float
    report: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Grades:
    """The looks of a film, the key frames of each shot, and what all looks depend on (see `Plan.made_from`)."""

    looks: list[Grade]
    keys: list[list[Key]]
    timeline: Timeline
    made_from: dict[str, Any]


def make_grades(plan: Plan, shots: Sequence[Shot], folder: Path, tell: Callable[[str], None]) -> Grades:
    """Solve the looks of all shots, or take those that `folder` has from before; `tell` hears of each that is solved.

    Raises:
        PhotostyleError: a frame cannot be read, or an argument cannot be used.
    """
    made_from = plan.made_from()
    looks: list[Grade] = []
    keys: list[list[Key]] = []
    for number, shot in enumerate(shots, 1):
        keys.append([])
        parts = spans(shot, None if plan.look is not None else plan.every)
        for k, span in enumerate(parts, 1):
            name = folder / (f"shot-{number:03}" if len(parts) == 1 else f"shot-{number:03}-{k:02}")
            record = {**made_from, "start": span[0], "end": span[1], "frames": len(shot.frames)}
            found = _finished(name, record)
            if found is None:
                tell(f"shot {number} of {len(shots)}: the look" + (f" {k} of {len(parts)}" if len(parts) > 1 else ""))
                found = _solve(plan, shot, span, len(parts) > 1, name, record)
            grade = _grade(name, plan.mixing)
            if plan.look is None or not looks:  # one look is not blended with itself
                looks.append(grade)
            keys[-1].append(Key(len(looks) - 1, found["key"], found))
    timeline = make_timeline(shots, [[(key.look, key.time) for key in some] for some in keys])
    return Grades(looks, keys, timeline, made_from)


def _grade(name: Path, mixing: dict[str, Any]) -> Grade:
    """The look of this name, whose table is written."""
    look = Look.load(f"{name}.npz")
    table = look.cube(_TABLE, title=name.name, **mixing).encode("ascii")
    write_atomically(f"{name}.cube", table)
    return Grade(os.path.abspath(f"{name}.cube"), look, mixing, hashlib.sha256(table).hexdigest())


def _solve(
    plan: Plan, shot: Shot, span: tuple[float, float], several: bool, name: Path, record: dict[str, Any]
) -> dict[str, Any]:
    """Solve a look, and write it and what it was made from."""
    log = None if plan.log is None else plan.log[1]
    if plan.look is not None:
        solved = Solved(plan.look[1], middle(shot, span))
    else:
        inside = plan.key is not None and span[0] <= plan.key < span[1]
        times = [middle(shot, span)] if several else candidates(shot, span)
        times = [plan.key] if inside and plan.key is not None else times
        vgg = shared_vgg19("bundled", resolve_device(plan.arguments["device"]))
        solved = solve_look(plan.film, times, plan.references, vgg, log, plan.arguments, plan.local)
    solved.look.save(f"{name}.npz")
    found = {**record, "key": solved.time, "notes": list(solved.notes)}
    write_atomically(f"{name}.json", (json.dumps(found, indent=2) + "\n").encode())
    return found


def _hash_of(look: Look) -> str:
    return hashlib.sha256(look.grid.numpy().tobytes() + look.tone.numpy().tobytes()).hexdigest()


def _finished(name: Path, record: dict[str, Any]) -> dict[str, Any] | None:
    """What is known of a look that was solved before, from the same files with the same options."""
    try:
        found: dict[str, Any] = json.loads(Path(f"{name}.json").read_text(encoding="utf-8"))
        Look.load(f"{name}.npz")
        same = all(found[key] == value for key, value in json.loads(json.dumps(record)).items())
        return found if same else None
    except (OSError, ValueError, KeyError, PhotostyleError):
        return None
