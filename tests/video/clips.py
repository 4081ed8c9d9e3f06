"""Films made of photos: a moving camera, two shots, and whatever else a file may be."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from optional_packages import need
from PIL import Image

from photostyle_native import data

FRAMES = 24  # of a shot


def pictures(size: tuple[int, int], frames: int = FRAMES, dissolve: int = 0, speed: int = 1) -> Iterator[np.ndarray]:
    """Two shots, each a camera that moves over a photo, with grain: (H, W, 3) uint8.

    The last `dissolve` frames of the first are blended with the first of the second, which has as many more.
    """
    width, height = size
    grain = np.random.default_rng(0)
    shots = []
    for path in (data.CONTENT, data.STYLE):
        with Image.open(path) as photo:
            scene = np.asarray(photo.convert("RGB").resize((width + frames, height + frames)))
        shots.append([scene[k * speed // 2 :, k * speed :][:height, :width].astype(float) for k in range(frames)])
    shares = [(k + 1) / (dissolve + 1) for k in range(dissolve)]
    first, second = shots[0][: frames - dissolve], shots[1][dissolve:]
    both = zip(shares, shots[0][frames - dissolve :], shots[1][:dissolve], strict=True)
    for view in [*first, *((1 - share) * a + share * b for share, a, b in both), *second]:
        yield np.clip(view + grain.integers(-3, 4, view.shape), 0, 255).astype(np.uint8)


def write_clip(
    path: Path,
    *,
    size: tuple[int, int] = (160, 96),
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    variable: bool = False,
    audio: bool = False,
    rotation: int = 0,
    matrix: int = 1,
    frames: int = FRAMES,
    dissolve: int = 0,
    speed: int = 1,
) -> list[int]:
    """Write a film of 25 frames a second, or of other steps if `variable`; returns the frames' time stamps."""
    av = need("av")
    stamps, now = [], 0
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        context = stream.codec_context
        context.time_base = stream.time_base = Fraction(1, 12800)
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = matrix, 1, 1, 1
        if rotation:
            stream.set_display_rotation(rotation)
        sound: Any = out.add_stream("aac", rate=48000) if audio else None
        for number, pixels in enumerate(pictures(size, frames, dissolve, speed)):
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
            frame = frame.reformat(format=pix_fmt, dst_colorspace=matrix, src_color_range=2, dst_color_range=1)
            frame.pts, frame.time_base = now, context.time_base
            stamps.append(now)
            now += 512 if not variable or number % 3 else 1300
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if sound:
            for k in range(2 * frames * 48000 // 25 // 1024):
                tone = np.sin(np.arange(k * 1024, (k + 1) * 1024) / 20).astype(np.float32)
                piece = av.AudioFrame.from_ndarray(np.stack((tone, tone)), "fltp", "stereo")
                piece.sample_rate, piece.pts, piece.time_base = 48000, k * 1024, Fraction(1, 48000)
                out.mux(sound.encode(piece))
            out.mux(sound.encode(None))
    return stamps


def frames_of(path: Path | str) -> list[tuple[float, np.ndarray]]:
    """The times and the pixels of a film's frames, (H, W, 3) uint8, as decoded."""
    av = need("av")
    with av.open(str(path)) as film:
        return [(float(f.time), f.to_ndarray(format="rgb24")) for f in film.decode(video=0)]
