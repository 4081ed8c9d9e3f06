"""One look a shot against a transfer for every frame: the metrics of films, and a strip of frames to look at.

    python bench/film_peers.py PHOTO PHOTO REF OUTPUT

A clip is made: a camera with grain moves over the two photos, with a dissolve between them. It is graded by
`photostyle video`, by `transfer(preset="colour")` frame by frame, and by color-matcher's mkl frame by frame. The
folder OUTPUT is made, with metrics.json, strip.jpg, and the clips.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from color_matcher import ColorMatcher

from photostyle_native import transfer
from photostyle_native.cli.main import main
from photostyle_native.images.photo import as_photo, read_photo
from photostyle_native.images.sheet import Tile, make_sheet, photo_pixels
from photostyle_native.images.write import write_photo
from photostyle_native.metrics import film_metrics

SIZE, FRAMES, DISSOLVE = (640, 360), 50, 20
Frames = list[np.ndarray]


def scene(path: str, seed: int) -> Frames:
    """A camera that moves over a photo, two pixels a frame, with grain: (h, w, 3) uint8 each."""
    width, height = SIZE
    photo = read_photo(path).converted_to(None)
    scale = max((width + 2 * FRAMES) / photo.width, (height + FRAMES) / photo.height)
    small = photo.tensor((round(scale * photo.height), round(scale * photo.width)))
    pixels = photo_pixels(as_photo(small)).astype(float)
    grain = np.random.default_rng(seed)
    views = (pixels[k : k + height, 2 * k : 2 * k + width] for k in range(FRAMES))
    return [np.clip(view + grain.normal(0, 2.5, view.shape), 0, 255).astype(np.uint8) for view in views]


def clip(first: str, second: str) -> Frames:
    """Both scenes with a dissolve between them."""
    one, other = scene(first, 0), scene(second, 1)
    blend = []
    for k in range(DISSOLVE):
        share = (k + 1) / (DISSOLVE + 1)
        blend.append(((1 - share) * one[FRAMES - DISSOLVE + k] + share * other[k]).astype(np.uint8))
    return one[: FRAMES - DISSOLVE] + blend + other[DISSOLVE:]


def write(path: Path, frames: Frames) -> None:
    """Write frames without loss, 25 a second."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv444p"
        stream.codec_context.time_base = Fraction(1, 25)
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuv444p")
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def read(path: Path) -> Frames:
    with av.open(str(path)) as film:
        return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]


def frame_by_frame(reference: str) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Functions of a frame, by name."""
    style = photo_pixels(read_photo(reference).converted_to(None))

    def ours(frame: np.ndarray) -> np.ndarray:
        return photo_pixels(as_photo(transfer(frame, style, preset="colour", device="cpu").image))

    def peer(frame: np.ndarray) -> np.ndarray:
        moved = ColorMatcher().transfer(src=frame / 255.0, ref=style / 255.0, method="mkl")
        return (np.clip(moved, 0, 1) * 255).round().astype(np.uint8)

    return {"transfer, each frame": ours, "color-matcher, each frame": peer}


def measure(before: Frames, after: Frames) -> dict[str, float | None]:
    """The means over both shots, without the dissolve."""
    found = []
    for part in (slice(0, FRAMES - DISSOLVE), slice(FRAMES, None)):
        films = ([as_photo(frame).tensor() for frame in frames[part][::2]] for frames in (before, after))
        found.append(film_metrics(*films))
    return {name: round(float(np.mean([one[name] or 0 for one in found])), 4) for name in found[0]}


def run(first: str, second: str, reference: str, output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    write(output / "in.mkv", clip(first, second))
    before = read(output / "in.mkv")
    command = [
        "video",
        output / "in.mkv",
        reference,
        "-o",
        output / "look.mkv",
        "--codec",
        "ffv1",
        "--preset",
        "colour",
    ]
    assert main([str(word) for word in command]) == 0
    films = {"film": before, "one look a shot": read(output / "look.mkv")}
    films |= {name: [grade(f) for f in before] for name, grade in frame_by_frame(reference).items()}
    scores = {name: measure(before, frames) for name, frames in films.items() if frames is not before}
    (output / "metrics.json").write_text(json.dumps(scores, indent=2) + "\n")
    print(json.dumps(scores, indent=2))
    numbers = [0, 20, FRAMES - DISSOLVE + 5, FRAMES - 5, FRAMES + 1, len(before) - 1]
    rows = [[Tile(frames[k], f"{name}, {k}") for k in numbers] for name, frames in films.items()]
    write_photo(str(output / "strip.jpg"), make_sheet(rows, height=180), quality=92)


if __name__ == "__main__":
    run(*sys.argv[1:4], Path(sys.argv[4]))
