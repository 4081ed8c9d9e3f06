"""A frame under its looks: ffmpeg's filters where one table is enough, floats in memory where looks are blended.

Pictures go to planar RGB by the film's matrix, through tables (`lut3d`, tetrahedral), and back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from ..color.look import Look
from .source import Film, upright
from .timeline import Timeline

# In floats: of the formats that lut3d takes, the one that it computes with vector instructions, at twice the speed.
_PLANES = "gbrpf32le"
_MATRICES = {1: "bt709", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}
_GRAPHS = 4  # that are kept: two tables, the way in and the way out; each holds some frames in floats
_FLAGS = "accurate_rnd+full_chroma_int"


@dataclass(frozen=True, eq=False)
class Grade:
    """A look of a film: its table as a file (.cube), and for places by themselves the look and what it is mixed with.

    `mixing` are keyword arguments of `Look.apply`, which the table has in it already. `digest` is that of the table.
    """

    table: str
    look: Look
    mixing: Mapping[str, Any]
    digest: str


class Grader:
    """Gives the frames of a film their looks.

    Args:
        film: the film.
        grades: its looks.
        timeline: when it has which.
        pix_fmt: what becomes of the frames.
        log: a table (.cube) that frames go through before, or None.
        local: whether looks treat places by themselves, instead of by their tables.
        device: where looks by place are computed.
        paint: instead of looks, a function of a frame's upright pixels, (H, W, 3) float32, and its time.
    """

    def __init__(
        self,
        film: Film,
        grades: Sequence[Grade],
        timeline: Timeline,
        pix_fmt: str,
        log: str | None = None,
        local: bool = False,
        device: torch.device | str = "cpu",
        paint: Callable[[np.ndarray, float], np.ndarray] | None = None,
    ) -> None:
        self._film, self._grades, self._timeline = film, grades, timeline
        self._local, self._device, self._paint = local, torch.device(device), paint
        self._graphs: dict[tuple[str, int], Any] = {}
        matrix, span = _MATRICES.get(film.matrix, "auto"), "full" if film.full_range else "limited"
        self._in = [
            ("scale", f"in_color_matrix={matrix}:in_range={span}:out_range=full:flags={_FLAGS}"),
            ("format", f"pix_fmts={_PLANES}"),
            *([] if log is None else [_table(log)]),
        ]
        self._out = [
            ("scale", f"in_range=full:out_color_matrix={matrix}:out_range={span}:flags={_FLAGS}"),
            ("format", f"pix_fmts={pix_fmt}"),
        ]

    def __call__(self, frame: Any) -> Any:
        """A frame under its looks, in the format of the film that is written."""
        if self._paint is not None:
            pixels = self._paint(self._upright(frame), float(frame.time))
            return self._back(upright(self._film, pixels, -1), frame)
        one, other, share = self._timeline.at(float(frame.time))
        if not share and not self._local:
            return self._run("whole", one, frame, [*self._in, _table(self._grades[one].table), *self._out])
        pixels = self._pixels(one, frame)
        if share:
            pixels = pixels + np.float32(share) * (self._pixels(other, frame) - pixels)
        return self._back(pixels, frame)

    def _upright(self, frame: Any) -> np.ndarray:
        return np.asarray(upright(self._film, self._run("in", 0, frame, self._in).to_ndarray()))

    def _back(self, pixels: np.ndarray, frame: Any) -> Any:
        """Pixels as a frame of the film that is written, at the time of another."""
        import av

        blended = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=_PLANES)
        blended.time_base, blended.pts = frame.time_base, frame.pts
        return self._run("out", 0, blended, self._out)

    def _pixels(self, number: int, frame: Any) -> np.ndarray:
        """A frame under one look, (H, W, 3) float32."""
        if not self._local:
            table = _table(self._grades[number].table)
            return np.asarray(self._run("table", number, frame, [*self._in, table]).to_ndarray())
        image = torch.from_numpy(self._upright(frame)).to(self._device).permute(2, 0, 1)
        grade = self._grades[number]
        graded = grade.look.apply(image, everywhere=False, **grade.mixing).permute(1, 2, 0).cpu().numpy()
        return np.asarray(upright(self._film, graded, -1))

    def _run(self, name: str, number: int, frame: Any, filters: Sequence[tuple[str, str]]) -> Any:
        """Send a frame through filters, which are set up when they are first needed."""
        key = (name, number)
        graph = self._graphs.pop(key, None) or _graph(frame, filters)
        while len(self._graphs) >= _GRAPHS:  # the one that was not used for longest is the first
            self._graphs.pop(next(iter(self._graphs)))
        self._graphs[key] = graph
        graph.push(frame)
        return graph.pull()


def _table(path: str) -> tuple[str, str]:
    return "lut3d", path


def _graph(frame: Any, filters: Sequence[tuple[str, str]]) -> Any:
    """A graph of filters for frames like this one."""
    import av

    graph = av.filter.Graph()
    steps = [graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)]
    for name, options in filters:
        # The path of a table is an argument of its own, so that it may have any sign.
        steps.append(
            graph.add(name, file=options, interp="tetrahedral") if name == "lut3d" else graph.add(name, options)
        )
    steps.append(graph.add("buffersink"))
    for one, other in pairwise(steps):
        one.link_to(other)
    graph.configure()
    return graph
