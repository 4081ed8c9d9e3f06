"""A film in parts: each is decoded, given its looks and encoded by itself, so that a film can be gone on with.

What is encoded has the film's time stamps.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..errors import PhotostyleError, reason
from .shots import Shot
from .source import Film, opened

_LONGEST = 10.0  # seconds of a part
_WAITING = 4  # frames that may wait to be encoded
# By how many seconds the frames of parts are late: a container would move those that are decoded before time 0.
_LATE = 100
_CONTAINERS = {"prores": "mov"}  # of parts; NUT keeps any time base, and has no ProRes
CODECS = {
    "h264": ("libx264", {"preset": "medium"}),
    "hevc": ("libx265", {"preset": "medium", "x265-params": "log-level=none"}),
    "prores": ("prores_ks", {"profile": "hq"}),
    "ffv1": ("ffv1", {}),
}


@dataclass(frozen=True)
class Part:
    """A part of a film, in seconds, and the number of its shot."""

    start: float
    end: float
    shot: int


def divide(shots: Sequence[Shot]) -> list[Part]:
    """Divide shots into parts of `_LONGEST` seconds at most; each begins at a frame."""
    parts = []
    for number, shot in enumerate(shots):
        starts = [shot.start]
        for time in shot.frames:
            if time >= starts[-1] + _LONGEST:
                starts.append(time)
        parts += [Part(a, b, number) for a, b in zip(starts, [*starts[1:], shot.end], strict=True)]
    return parts


def output_format(film: Film, codec: str) -> tuple[str, str]:
    """The pixel format to encode in, and a note if it is not the film's own."""
    if codec == "prores":
        wanted = "yuv444p10le" if "444" in film.pix_fmt else "yuv422p10le"
    else:
        wanted = film.pix_fmt.replace("yuvj", "yuv")
        if wanted in ("nv12", "nv21"):
            wanted = "yuv420p"
        if wanted in ("p010le", "p010be"):
            wanted = "yuv420p10le"
        if not wanted.startswith("yuv4"):
            wanted = "yuv444p10le" if film.bits > 8 else "yuv444p"
    odd = film.width % 2 or film.height % 2
    if odd and codec in ("h264", "hevc") and ("420" in wanted or "422" in wanted):
        wanted = wanted.replace("420", "444").replace("422", "444")
    return wanted, "" if wanted == film.pix_fmt else f"the pixels are {wanted}, the film's {film.pix_fmt}"


def encode_part(
    film: Film, part: Part, grade: Callable[[Any], Any], target: str, codec: str, crf: int | None
) -> Iterator[tuple[Any, Any]]:
    """Encode a part of a film, each of whose frames is graded by `grade`, and yield frames before and after.

    The file is there once all frames were taken, or not at all. Raises PhotostyleError if the film cannot be read or
    encoded.
    """
    import av

    temporary = f"{target}.tmp"
    try:
        with (
            opened(film.path) as source,
            av.open(temporary, "w", format=_CONTAINERS.get(codec, "nut")) as out,
            _Writer(out, _video_stream(out, film, codec, crf)) as writer,
        ):
            for frame in frames_of(film, source, part.start, part.end):
                graded = grade(frame)
                graded.pict_type = 0
                graded.time_base = film.time_base
                graded.pts = frame.pts
                yield frame, graded
                graded.pts = frame.pts + ahead(film.time_base)
                writer.write(graded)
            writer.finish()
        os.replace(temporary, target)
    except av.FFmpegError as error:
        raise PhotostyleError(f"{film.path}: cannot be encoded as {codec} ({reason(error)})") from error
    finally:
        Path(temporary).unlink(missing_ok=True)


class _Writer:
    """Encodes frames into a file in a thread of its own, while the next ones are decoded and graded."""

    def __init__(self, out: Any, stream: Any) -> None:
        self._out, self._stream = out, stream
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def write(self, frame: Any) -> None:
        """Encode a frame after those before. Raises what went wrong with one of them."""
        while len(self._waiting) >= _WAITING:
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(self._encode, frame))

    def finish(self) -> None:
        """Encode what the codec has kept back, and wait for all. Raises what went wrong."""
        self.write(None)
        while self._waiting:
            self._waiting.popleft().result()

    def _encode(self, frame: Any) -> None:
        for packet in self._stream.encode(frame):
            self._out.mux(packet)


def frames_of(film: Film, source: Any, start: float, end: float) -> Iterator[Any]:
    """The frames of an opened film from one time until before another."""
    video = source.streams.video[0]
    source.seek(max(0, int(start / film.time_base)), stream=video)
    for frame in source.decode(video):
        if frame.time is None or frame.time < start - 1e-6:
            continue
        if frame.time >= end - 1e-6:
            break
        yield frame


def _video_stream(out: Any, film: Film, codec: str, crf: int | None) -> Any:
    name, options = CODECS[codec]
    options = dict(options) if crf is None or codec not in ("h264", "hevc") else {**options, "crf": str(crf)}
    stream = out.add_stream(name, rate=film.rate, options=options)
    stream.width, stream.height = film.width, film.height
    stream.pix_fmt, _ = output_format(film, codec)
    context = stream.codec_context
    context.time_base = stream.time_base = film.time_base
    context.thread_type = "AUTO"
    tag_colors(context, film)
    return stream


def tag_colors(context: Any, film: Film) -> None:
    """Say in a stream's codec context what the film's colours mean."""
    context.colorspace, context.color_primaries, context.color_trc = film.matrix, film.primaries, film.transfer
    context.color_range = 2 if film.full_range else 1


def ahead(time_base: Fraction) -> int:
    """By how many units the time stamps in the files of parts are late."""
    return round(_LATE / time_base)
