"""The driver: two photos in, a photorealistic transfer out.

Solves at a working size and lifts the result to the size of the photo that went in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from . import ops
from .color_transfer import masked_mk_transfer
from .errors import PhotostyleError
from .images import Photo, as_photo, write_photo
from .inputs import fitting_size, read_mask_pair, resolve_device
from .masks import MaskPair, prepare_pair, single_region
from .objective import Objective, Weights
from .optimizers import LBFGS
from .vgg import VGG19, load_vgg19


@dataclass(frozen=True)
class Preset:
    """A schedule: where the optimisation starts, and its stages.

    `stages` holds, per stage, its name, its number of iterations and whether the photorealism term takes part.
    """

    start: str  # "colour": masked Monge-Kantorovitch transfer; "noise"
    stages: tuple[tuple[str, int, bool], ...]


PRESETS = {
    "default": Preset("colour", (("optimise", 60, True),)),
    "paper": Preset("noise", (("stylise", 1000, False), ("photorealise", 1000, True))),
}
# Longest side of the working size by device: what keeps the default preset under a minute on two cores.
DEFAULT_SIZES = {"cpu": 400, "cuda": 700}
_SMOOTHING_RADIUS, _SMOOTHING_SIZE = 15, 700  # the authors' radius, and the size their results have


@dataclass(frozen=True)
class Iteration:
    """What a callback gets to see after each evaluation of the energy."""

    stage: str
    iteration: int  # 0 is the start
    iterations: int  # of this stage
    terms: dict[str, float]  # content, style, photo, tv, total; each with its weight
    seconds: float  # since the stage began
    _x: Tensor = field(repr=False)

    def image(self) -> Tensor:
        """The present picture at working size: a copy, (3, h, w), on the CPU, clamped to [0, 1]."""
        return self._x.detach().clamp(0, 1).cpu().clone()


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
    interrupted: bool  # Ctrl-C ended the optimisation early; the best picture so far was finished
    resets: int  # how often the optimiser diverged and went back to its best point

    def save(self, path: str | Path, *, bit_depth: int | None = None) -> None:
        """Write the image with the content photo's ICC profile, EXIF and alpha; see `images.write_photo`."""
        write_photo(path, self.image, like=self.content, bit_depth=bit_depth)

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
    size: int | None = None,
    preset: str = "default",
    iterations: int | None = None,
    weights: str | Path | VGG19 = "bundled",
    term_weights: Weights | None = None,
    device: str | torch.device = "auto",
    seed: int = 0,
    callback: Callable[[Iteration], None] | None = None,
) -> TransferResult:
    """Give the light and colours of one photo to another, keeping every edge where it was.

    Args:
        content, style: a path, a PIL image, a NumPy array (H, W, 3) or a tensor (3, H, W) each.
        content_mask, style_mask: label images or mask stacks (see `masks.read_labels`), both or neither; sizes may
            differ from the photos'. Without masks, each photo is one region.
        size: longest side of the working size; default 400 on the CPU, 700 on a GPU. Never larger than the photo.
        preset: ``default`` starts from a masked colour transfer; ``paper`` is the authors' two stages from noise.
        iterations: L-BFGS iterations per stage instead of the preset's 60, or 1000 + 1000.
        weights: VGG-19 weights (see `vgg.load_vgg19`) or a loaded network.
        term_weights: weights of the energy's terms instead of the authors'.
        device: ``auto``, ``cpu``, ``cuda`` or a torch device.
        seed: of the noise that the ``paper`` preset starts from.
        callback: called with an `Iteration` after each evaluation of the energy. An exception that it raises ends the
            transfer; KeyboardInterrupt ends it with the best picture so far.

    Returns:
        The result; `save` writes it.

    Raises:
        PhotostyleError: input that cannot be used, in one sentence.

    Source: Luan et al. 2017; masked linear Monge-Kantorovitch start after Pitie and Kokaram 2007.
    """
    if preset not in PRESETS:
        raise PhotostyleError(f"`preset` must be {' or '.join(PRESETS)}, got {preset!r}")
    if iterations is not None and iterations < 0:
        raise PhotostyleError(f"`iterations` must not be negative, got {iterations}")
    target = resolve_device(device)
    clock = _Clock()
    with clock.phase("read"):
        photo = as_photo(content, "content")
        style_photo = as_photo(style, "style").converted_to(photo.icc_profile)
        longest = DEFAULT_SIZES["cpu" if target.type == "cpu" else "cuda"] if size is None else size
        small, small_style = (fitting_size(p, longest) for p in (photo, style_photo))
        content_image, style_image = photo.tensor(small), style_photo.tensor(small_style)
    with clock.phase("masks"):
        labels = read_mask_pair(content_mask, style_mask, photo, style_photo)
        sizes = small, small_style
        if labels is None:
            masks = single_region(*sizes)
        else:
            masks = prepare_pair(*labels, *sizes, content_image=content_image, style_image=style_image)
    with clock.phase("start"):
        start = _start(PRESETS[preset], content_image, style_image, masks, seed)
    with clock.phase("network"):
        vgg = (weights if isinstance(weights, VGG19) else load_vgg19(weights)).to(target)
        objective = Objective(
            content_image.to(target),
            style_image.to(target),
            masks.content.to(target),
            masks.style.to(target),
            vgg,
            term_weights,
        )
    run = _Run(objective, start.to(target), callback)
    for stage, default, with_photo in PRESETS[preset].stages:
        with clock.phase(stage):
            run.stage(stage, default if iterations is None else iterations, with_photo)
        if run.interrupted:
            break
    with clock.phase("finish"):
        image = finish(run.x, objective.guide, photo)
    return TransferResult(
        image=image,
        working=run.x.clamp(0, 1).cpu(),
        content=photo,
        preset=preset,
        labels=masks.labels,
        notes=(*_named_notes(photo), *_named_notes(style_photo), *masks.notes),
        history=run.history,
        energies=run.best_terms,
        timings=clock.timings,
        backend=ops.backend(target),
        device=str(target),
        vgg_weights=vgg.source,
        interrupted=run.interrupted,
        resets=run.resets,
    )


class _Run:
    """The stages of an optimisation: the picture, its energies so far, and how it went."""

    def __init__(self, objective: Objective, start: Tensor, callback: Callable[[Iteration], None] | None) -> None:
        self.x = start.clone()
        self.history: list[dict[str, Any]] = []
        self.best_terms: dict[str, float] = {}
        self.interrupted = False
        self.resets = 0
        self._objective, self._callback = objective, callback

    def stage(self, name: str, iterations: int, with_photo: bool) -> None:
        """Run one stage of L-BFGS; `x` ends at its best point. Ctrl-C ends the stage, and keeps that point."""
        optimizer = LBFGS(self.x)
        begin = time.perf_counter()
        try:
            for iteration in range(iterations + 1):
                terms, gradient = self._evaluate(with_photo)
                if terms["total"] < optimizer.best:
                    self.best_terms = terms
                    optimizer.keep(terms["total"])
                self.history.append({"stage": name, "iteration": iteration, **terms})
                if self._callback:
                    seconds = time.perf_counter() - begin
                    self._callback(Iteration(name, iteration, iterations, terms, seconds, self.x.clone()))
                optimizer.step(terms["total"], gradient)
        except KeyboardInterrupt:
            self.interrupted = True
        self.resets += optimizer.resets
        if optimizer.best < float("inf"):
            self.x = optimizer.best_x

    def _evaluate(self, with_photo: bool) -> tuple[dict[str, float], Tensor]:
        with torch.enable_grad():  # the caller may have switched it off
            x = self.x.detach().requires_grad_()
            terms = self._objective(x, photo=with_photo)
            (gradient,) = torch.autograd.grad(terms.total, x)
        return terms.values(), gradient


def _named_notes(photo: Photo) -> list[str]:
    """What was lossy in reading a photo, with the photo's name."""
    return [f"{Path(photo.name).name}: {note}" for note in photo.notes]


def _start(preset: Preset, content: Tensor, style: Tensor, masks: MaskPair, seed: int) -> Tensor:
    if preset.start == "colour":
        return masked_mk_transfer(content, style, masks.content, masks.style)
    # The authors' noise: next to nothing around the mean colour of the network's training images.
    noise = torch.randn(content.shape, generator=torch.Generator().manual_seed(seed))
    return torch.tensor((123.68, 116.779, 103.939)).view(3, 1, 1) / 255 + noise * (1e-3 / 255)


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
