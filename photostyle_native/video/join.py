"""The parts of a film put together, with its sound."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import PhotostyleError, reason
from .parts import ahead, tag_colors
from .source import Film, opened


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
            tag_colors(video.codec_context, film)  # the files of parts may not hold it
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
                        late = ahead(packet.time_base)
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
