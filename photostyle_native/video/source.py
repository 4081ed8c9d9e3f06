"""What a film is: its picture, its colours, its time, and what else is in the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..errors import PhotostyleError, check_extra, reason

_UNSPECIFIED = 2  # of ffmpeg's colour properties
_BT709, _BT470BG = 1, 5  # matrices: of high definition, and of what is older
_SWSCALE = {6: 5, 10: 9}  # matrices that swscale calls by another number
_HD = 720  # rows from which a film that does not say its matrix has that of high definition, as players assume


@dataclass(frozen=True)
class Film:
    """A film's video stream, and how many others there are.

    Args:
        width, height: in stored pixels, before rotation.
        pix_fmt: ffmpeg's name of the pixel format.
        bits: of a sample.
        matrix, primaries, transfer, full_range: of the colours, by ffmpeg's numbers; the matrix is never unspecified.
        rotation: counter-clockwise degrees by which players turn the picture.
        time_base: the unit of time stamps, in seconds.
        rate: frames a second, on average.
        seconds: the duration, or 0 if it is not known.
        others: the number of audio and subtitle streams.
    """

    path: str
    width: int
    height: int
    pix_fmt: str
    bits: int
    matrix: int
    primaries: int
    transfer: int
    full_range: bool
    rotation: int
    time_base: Fraction
    rate: Fraction
    seconds: float
    others: int


def check_av() -> None:
    """Raise PhotostyleError if PyAV is not installed."""
    check_extra("av", "video", "films need")


@contextmanager
def opened(path: str) -> Iterator[Any]:
    """Open a film to read. Raises PhotostyleError for what cannot be read, also while it is being read."""
    check_av()
    import av

    try:
        with av.open(path) as container:
            if not container.streams.video:
                raise PhotostyleError(f"{path}: there is no video in this file")
            container.streams.video[0].thread_type = "AUTO"
            yield container
    except (av.FFmpegError, OSError, ValueError) as error:
        raise PhotostyleError(f"{path}: cannot be read as a film ({reason(error)})") from error


def probe(path: str) -> Film:
    """Read what a film is, and its first frame. Raises PhotostyleError if it is none."""
    with opened(path) as container:
        stream = container.streams.video[0]
        frame = next(container.decode(stream), None)
        if frame is None or stream.time_base is None:
            raise PhotostyleError(f"{path}: there is no video frame in this file")
        matrix = int(frame.colorspace)
        if matrix == _UNSPECIFIED:
            matrix = _BT709 if frame.height >= _HD else _BT470BG
        seconds = float(stream.duration * stream.time_base) if stream.duration else (container.duration or 0) / 1e6
        return Film(
            path=path,
            width=frame.width,
            height=frame.height,
            pix_fmt=frame.format.name,
            bits=max(component.bits for component in frame.format.components),
            matrix=matrix,
            primaries=int(frame.color_primaries),
            transfer=int(frame.color_trc),
            full_range=int(frame.color_range) == 2 or frame.format.name.startswith("yuvj"),
            rotation=int(frame.rotation),
            time_base=stream.time_base,
            rate=stream.average_rate or stream.guessed_rate or Fraction(25),
            seconds=seconds,
            others=len(container.streams.audio) + len(container.streams.subtitles),
        )


def upright(film: Film, pixels: Any, turns: int = 1) -> Any:
    """Turn a decoded picture (H, W, C) as players do; with -1 `turns`, back."""
    import numpy as np

    return np.ascontiguousarray(np.rot90(pixels, turns * round(film.rotation / 90)))


def still(film: Film, frame: Any, size: tuple[int | None, int | None] = (None, None)) -> Any:
    """A frame as upright RGB, (H, W, 3) uint8 or, of more than 8 bits, uint16, by the film's own matrix and range.

    `size` is the width and height that it is made before it is turned; by default it keeps its own.
    """
    deep = film.bits > 8
    converted = frame.reformat(
        *size,
        format="rgb48le" if deep else "rgb24",
        src_colorspace=_SWSCALE.get(film.matrix, film.matrix),
        src_color_range=2 if film.full_range else 1,
        dst_color_range=2,
    )
    return upright(film, converted.to_ndarray())


def frame_at(film: Film, seconds: float) -> Any:
    """The first frame at or after a time, as `still` returns it. Raises PhotostyleError if there is none."""
    with opened(film.path) as container:
        stream = container.streams.video[0]
        container.seek(max(0, int(seconds / film.time_base)), stream=stream)
        last = None
        for frame in container.decode(stream):
            last = frame
            if frame.time is not None and frame.time >= seconds - 1e-6:
                break
        if last is None:
            raise PhotostyleError(f"{film.path}: there is no frame at {seconds:.3f} s")
        return still(film, last)
