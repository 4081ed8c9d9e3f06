"""A film in parts: each is decoded, given its look and encoded by itself, so that a film can be gone on with.

Pictures go through ffmpeg's own filters: to planar RGB by the film's matrix, through the table (`lut3d`,
tetrahedral), and back. What is encoded has the film's time stamps.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..errors import PhotostyleError, reason
from .shots import Shot
from .source import Film, opened

_LONGEST = 10.0  # seconds of a part
# In floats: of the formats that lut3d takes, the one that it computes with vector instructions, at twice the speed.
_PLANES = "gbrpf32le"
# By how many seconds the frames of parts are late: a container would move those that are decoded before time 0.
_LATE = 100
_MATRICES = {1: "bt709", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}
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


def encode_part(film: Film, part: Part, table: str, target: str, codec: str, crf: int | None) -> int:
    """Encode a part of a film under a table (.cube); returns the number of frames.

    The file appears whole or not at all. Raises PhotostyleError if the film cannot be read or encoded.
    """
    import av

    temporary = f"{target}.tmp"
    count = 0
    try:
        with opened(film.path) as source, av.open(temporary, "w", format=_CONTAINERS.get(codec, "nut")) as out:
            stream = _video_stream(out, film, codec, crf)
            graph = None
            video = source.streams.video[0]
            source.seek(max(0, int(part.start / film.time_base)), stream=video)
            for frame in source.decode(video):
                if frame.time is None or frame.time < part.start - 1e-6:
                    continue
                if frame.time >= part.end - 1e-6:
                    break
                graph = graph or _graph(film, frame, table, stream.codec_context.pix_fmt)
                graph.push(frame)
                graded = graph.pull()
                graded.pict_type = 0
                graded.time_base = film.time_base
                graded.pts = frame.pts + _ahead(film.time_base)
                for packet in stream.encode(graded):
                    out.mux(packet)
                count += 1
            for packet in stream.encode(None):
                out.mux(packet)
        os.replace(temporary, target)
    except av.FFmpegError as error:
        raise PhotostyleError(f"{film.path}: cannot be encoded as {codec} ({reason(error)})") from error
    finally:
        Path(temporary).unlink(missing_ok=True)
    return count


def _video_stream(out: Any, film: Film, codec: str, crf: int | None) -> Any:
    name, options = CODECS[codec]
    options = dict(options) if crf is None or codec not in ("h264", "hevc") else {**options, "crf": str(crf)}
    stream = out.add_stream(name, rate=film.rate, options=options)
    stream.width, stream.height = film.width, film.height
    stream.pix_fmt, _ = output_format(film, codec)
    context = stream.codec_context
    context.time_base = stream.time_base = film.time_base
    context.thread_type = "AUTO"
    context.colorspace, context.color_primaries, context.color_trc = film.matrix, film.primaries, film.transfer
    context.color_range = 2 if film.full_range else 1
    return stream


def _graph(film: Film, frame: Any, table: str, pix_fmt: str) -> Any:
    """Filters from the film's pixels to those that are encoded."""
    import av

    matrix, span = _MATRICES.get(film.matrix, "auto"), "full" if film.full_range else "limited"
    graph = av.filter.Graph()
    steps = [
        graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=film.time_base),
        graph.add(
            "scale", f"in_color_matrix={matrix}:in_range={span}:out_range=full:flags=accurate_rnd+full_chroma_int"
        ),
        graph.add("format", f"pix_fmts={_PLANES}"),
        graph.add("lut3d", file=table, interp="tetrahedral"),
        graph.add("scale", f"out_color_matrix={matrix}:out_range={span}:flags=accurate_rnd+full_chroma_int"),
        graph.add("format", f"pix_fmts={pix_fmt}"),
        graph.add("buffersink"),
    ]
    for one, other in pairwise(steps):
        one.link_to(other)
    graph.configure()
    return graph


def join(film: Film, parts: Sequence[str], output: str) -> None:
    """Put parts together, with the film's audio, subtitles and rotation; nothing is encoded again.

    The file appears whole or not at all. Raises PhotostyleError if the container cannot hold a stream.
    """
    import av

    stem, extension = os.path.splitext(output)
    temporary = f"{stem}.part{extension}"
    try:
        orders = _decoding_times(parts)
        with av.open(temporary, "w") as out, opened(film.path) as source, av.open(parts[0]) as first:
            video = out.add_stream_from_template(first.streams.video[0])
            if film.rotation:
                video.set_display_rotation(film.rotation)
            copied = {
                stream.index: out.add_stream_from_template(stream)
                for stream in (*source.streams.audio, *source.streams.subtitles)
            }
            others = _packets(source, list(copied))
            other = next(others, None)
            for path in parts:
                with av.open(path) as part:
                    for packet in _timed(part.demux(video=0)):
                        late = _ahead(packet.time_base)
                        packet.pts, packet.dts = packet.pts - late, next(orders) - late
                        time = float(packet.dts * packet.time_base)
                        while other is not None and float(other.dts * other.time_base) <= time:
                            _copy(out, other, copied)
                            other = next(others, None)
                        packet.stream = video
                        out.mux(packet)
            while other is not None:
                _copy(out, other, copied)
                other = next(others, None)
        os.replace(temporary, output)
    except (av.FFmpegError, ValueError) as error:
        raise PhotostyleError(f"{output}: cannot be written ({reason(error)})") from error
    finally:
        Path(temporary).unlink(missing_ok=True)


def _ahead(time_base: Fraction) -> int:
    return round(_LATE / time_base)


def _decoding_times(parts: Sequence[str]) -> Iterator[int]:
    """When each packet is to be decoded, in the order of the packets.

    The files of parts do not say it of the first packets of each. A packet is decoded when as many frames were shown
    as lie before it, less the constant that lets each be decoded before it is shown.
    """
    import av

    shown = []
    for path in parts:
        with av.open(path) as part:
            shown += [packet.pts for packet in _timed(part.demux(video=0))]
    in_order = sorted(shown)
    lead = max(time - own for time, own in zip(in_order, shown, strict=True))
    return (time - lead for time in in_order)


def _timed(packets: Iterable[Any]) -> Iterator[Any]:
    """The packets that have a time; the last one of a stream is empty."""
    return (packet for packet in packets if packet.pts is not None)


def _packets(source: Any, indices: Sequence[int]) -> Iterator[Any]:
    """The packets of some streams that have a time."""
    if not indices:
        return iter(())
    return (packet for packet in source.demux(*(source.streams[k] for k in indices)) if packet.dts is not None)


def _copy(out: Any, packet: Any, copied: dict[int, Any]) -> None:
    packet.stream = copied[packet.stream.index]
    out.mux(packet)
