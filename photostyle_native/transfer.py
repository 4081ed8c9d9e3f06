"""The driver: two photos in, a photorealistic transfer out.

Solves at a working size and lifts the result to the size of the photo that went in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from . import ops
from .automatic_masks import automatic_pair, check_automatic
from .color_transport import masked_transport
from .errors import PhotostyleError
from .images import Photo, as_photo, write_photo
from .inputs import fitting_size, read_mask_pair, resolve_device, resolve_precision
from .looks import Look
from .masks import MaskPair, prepare_pair
from .memory import plan_low_memory
from .objective import Objective, Weights
from .solver import Iteration, Solver, Stage
from .vgg import VGG19, load_vgg19


@dataclass(frozen=True)
class Preset:
    """A schedule: where the optimisation starts, and its stages."""

    start: str  # "colour": colours by optimal transport, label by label; "noise"
    stages: tuple[Stage, ...]


PRESETS = {
    "default": Preset("colour", (Stage("optimise", 80, metric=True, bounded=True, progress=0.015, history=40),)),
    "paper": Preset("noise", (Stage("stylise", 1000, photo=False), Stage("photorealise", 1000))),
}
# Longest side of the working size by device: what keeps the default preset under a minute on two cores.
DEFAULT_SIZES = {"cpu": 400, "cuda": 700}
MEAN_COLOR = (123.68, 116.779, 103.939)  # of the network's training images, RGB in [0, 255]
_SMOOTHING_RADIUS, _SMOOTHING_SIZE = 15, 700  # the authors' radius, and the size their results have


@dataclass(eq=False)
class TransferResult:
    """A finished transfer.

    `image` is the result at the content photo's own size and `working` the optimised picture it was lifted from,
    before smoothing; both (3, H, W) float32 RGB in [0, 1] on the CPU, in the colour space of the content photo.
    """

    image: Tensor
    working: Tensor
    content: Photo
    preset: str
    labels: tuple[str, ...]
    notes: tuple[str, ...]  # what was done to photos and masks, one sentence each
    history: list[dict[str, Any]]  # stage, iteration and the five energies, per evaluation
    energies: dict[str, float]  # of `working`
    timings: dict[str, float]  # seconds per phase
    backend: str
    device: str
    vgg_weights: str
    precision: str  # of the network
    low_memory: bool  # blocks of the network were computed twice, because otherwise it would not have fitted
    interrupted: bool  # Ctrl-C ended the optimisation early; the best picture so far was finished
    resets: int  # how often the optimiser diverged and went back to its best point

    def save(self, path: str | Path, *, bit_depth: int | None = None) -> None:
        """Write the image with the content photo's ICC profile, EXIF and alpha; see `images.write_photo`."""
        write_photo(path, self.image, like=self.content, bit_depth=bit_depth)

    def look(self) -> Look:
        """The colours of this transfer as a `looks.Look`, to be applied to other photos."""
        height, width = self.working.shape[-2:]
        content = self.content.tensor((height, width))
        return Look.fit(content, self.working, icc_profile=self.content.icc_profile)

    def report(self) -> dict[str, Any]:
        """Everything but the pictures, ready for JSON."""
        sizes = {"output_size": tuple(self.image.shape[-2:]), "working_size": tuple(self.working.shape[-2:])}
        skipped = ("image", "working", "content")
        return {**sizes, **{k: v for k, v in vars(self).items() if k not in skipped}}


class _Clock:
    """Seconds per phase."""

    def __init__(self) -> None:
        self.timings: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.timings[name] = self.timings.get(name, 0.0) + time.perf_counter() - begin


def transfer(
    content: Any,
    style: Any,
    *,
    content_mask: Any = None,
    style_mask: Any = None,
    auto_mask: str | None = "features",
    regions: int | None = None,
    segment_model: str | Path | None = None,
    size: int | None = None,
    preset: str = "default",
    iterations: int | None = None,
    weights: str | Path | VGG19 = "bundled",
    term_weights: Weights | None = None,
    device: str | torch.device = "auto",
    precision: str = "auto",
    seed: int = 0,
    callback: Callable[[Iteration], None] | None = None,
    callback_every: int | None = None,
) -> TransferResult:
    """Give the light and colours of one photo to another, keeping every edge where it was.

    Args:
        content, style: a path, a PIL image, a NumPy array (H, W, 3) or a tensor (3, H, W) each.
        content_mask, style_mask: label images or mask stacks (see `masks.read_labels`), both or neither; sizes may
            differ from the photos'.
        auto_mask: where masks come from if none are given: ``features`` divides both photos into regions that
            correspond (see `cosegmentation`); ``ade20k`` divides them by what they show (see `scene_regions`; needs
            the extra ``segment``); ``none`` or None takes each photo as one region.
        regions: how many ``features`` is to make, from 1 to 9; default: as many as match.
        segment_model: the network of ``ade20k`` (see `scene_parser.load_scene_parser`); default: a small SegFormer,
            downloaded once.
        size: longest side of the working size; default 400 on the CPU, 700 on a GPU. Never larger than the photo.
        preset: ``default`` starts from a masked colour transfer, takes steps in a metric of pictures, and ends once
            10 iterations gain less than 1.5 %, after 80 at most; ``paper`` is the authors' two stages from noise.
        iterations: exactly so many L-BFGS iterations per stage instead of the preset's 80 at most, or 1000 + 1000.
        weights: VGG-19 weights (see `vgg.load_vgg19`) or a loaded network.
        term_weights: weights of the energy's terms instead of the authors'.
        device: ``auto``, ``cpu``, ``cuda`` or a torch device.
        precision: of the network: ``float32``, ``bfloat16`` or ``auto``, which is bfloat16 where the hardware
            multiplies it. Gram matrices, losses and the picture are float32 always.
        seed: of the noise that the ``paper`` preset starts from.
        callback: called with an `Iteration`. An exception that it raises ends the transfer; KeyboardInterrupt ends it
            with the best picture so far.
        callback_every: iterations from one call to the next; default 1 on the CPU, 10 on a GPU, which has to be
            waited for then.

    Returns:
        The result; `save` writes it.

    Raises:
        PhotostyleError: input that cannot be used, in one sentence.

    Source: Luan et al. 2017; start after Pitie, Kokaram and Dahyot 2007 (see `color_transport`).
    """
    if preset not in PRESETS:
        raise PhotostyleError(f"`preset` must be {' or '.join(PRESETS)}, got {preset!r}")
    if iterations is not None and iterations < 0:
        raise PhotostyleError(f"`iterations` must not be negative, got {iterations}")
    if callback_every is not None and callback_every < 1:
        raise PhotostyleError(f"`callback_every` must be at least 1, got {callback_every}")
    check_automatic(auto_mask, regions, segment_model, masks_given=content_mask is not None)
    target = resolve_device(device)
    dtype = resolve_precision(precision, target)
    clock = _Clock()
    with clock.phase("read"):
        photo = as_photo(content, "content")
        style_photo = as_photo(style, "style").converted_to(photo.icc_profile)
        longest = DEFAULT_SIZES["cpu" if target.type == "cpu" else "cuda"] if size is None else size
        small, small_style = (fitting_size(p, longest) for p in (photo, style_photo))
        content_image, style_image = photo.tensor(small), style_photo.tensor(small_style)
    history = max(stage.history for stage in PRESETS[preset].stages)
    low_memory = plan_low_memory(small, dtype, history if iterations is None else min(history, iterations), target)
    with clock.phase("network"):
        vgg = (weights if isinstance(weights, VGG19) else load_vgg19(weights)).to(target)
    with clock.phase("masks"):
        labels = read_mask_pair(content_mask, style_mask, photo, style_photo)
        sizes = small, small_style
        if labels is None:
            masks = automatic_pair(
                photo, style_photo, sizes, auto_mask, vgg, regions=regions, segment_model=segment_model
            )
        else:
            masks = prepare_pair(*labels, *sizes, content_image=content_image, style_image=style_image)
    with clock.phase("start"):
        start = _start(PRESETS[preset], content_image, style_image, masks, seed)
    with clock.phase("network"):
        vgg = vgg.at_precision(dtype)
        objective = Objective(
            content_image.to(target),
            style_image.to(target),
            masks.content.to(target),
            masks.style.to(target),
            vgg,
            term_weights,
            low_memory,
        )
    solver = Solver(objective, start.to(target), callback, callback_every)
    for stage in PRESETS[preset].stages:
        with clock.phase(stage.name):
            solver.run(stage if iterations is None else replace(stage, iterations=iterations, progress=0.0))
        if solver.interrupted:
            break
    with clock.phase("finish"):
        image = finish(solver.x, objective.guide, photo)
    return TransferResult(
        image=image,
        working=solver.x.clamp(0, 1).cpu(),
        content=photo,
        preset=preset,
        labels=masks.labels,
        notes=(*_named_notes(photo), *_named_notes(style_photo), *masks.notes),
        history=solver.history,
        energies=solver.best_terms,
        timings=clock.timings,
        backend=ops.backend(target),
        device=str(target),
        vgg_weights=vgg.source,
        precision=str(dtype).removeprefix("torch."),
        low_memory=low_memory,
        interrupted=solver.interrupted,
        resets=solver.resets,
    )


def _named_notes(photo: Photo) -> list[str]:
    """What was lossy in reading a photo, with the photo's name."""
    return [f"{Path(photo.name).name}: {note}" for note in photo.notes]


def _start(preset: Preset, content: Tensor, style: Tensor, masks: MaskPair, seed: int) -> Tensor:
    if preset.start == "colour":
        return masked_transport(content, style, masks.content, masks.style)
    return noise_start((content.shape[1], content.shape[2]), seed)


def noise_start(size: tuple[int, int], seed: int) -> Tensor:
    """The authors' noise, (3, h, w): next to nothing around the mean colour of the network's training images."""
    noise = torch.randn((3, *size), generator=torch.Generator().manual_seed(seed))
    return torch.tensor(MEAN_COLOR).view(3, 1, 1) / 255 + noise * (1e-3 / 255)


@torch.no_grad()
def finish(x: Tensor, guide: Tensor, photo: Photo) -> Tensor:
    """The authors' last step at any size: the locally affine colour map from content to result, smoothed along the
    content's edges, upsampled under the guidance of the full photo, and applied to it.

    Args:
        x: optimised picture, (3, h, w).
        guide: content at the same size, (3, h, w).
        photo: the content photo at its own size.

    Returns:
        (3, H, W) of the photo's size, in [0, 1], on the CPU.
    """
    longest = max(x.shape[-2:])
    radius = max(2, round(_SMOOTHING_RADIUS * longest / _SMOOTHING_SIZE))
    if photo.size == tuple(x.shape[-2:]):
        return ops.smooth_local_affine(x, guide, radius=radius).clamp_(0, 1).cpu()
    coefs = ops.smooth_affine_coefficients(ops.fit_local_affine(x, guide), guide, radius=radius)
    return ops.upsample_local_affine(coefs, guide, photo.tensor().to(x.device)).clamp_(0, 1).cpu()
