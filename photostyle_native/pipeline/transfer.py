"""The function `transfer`: two photos in, one photorealistic result out.

The energy is minimised at a working size, and the result is then brought to the size of the content photo.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import ops
from ..color.mixing import Mix
from ..color.realism import check_realism
from ..color.skin_tones import check_keep_skin
from ..errors import PhotostyleError, choice_error
from ..images.photo import Photo, as_photo
from ..machine import resolve_device
from ..masks.pairs import MaskPair
from ..network.vgg19 import VGG19
from ..network.weights import load_vgg19
from ..optimization.objective import Weights
from ..optimization.solver import Iteration, Solver
from ..optimization.stage import exactly
from ..segmentation.automatic import automatic_pair, check_automatic, needs_network
from ..segmentation.faces import find_faces
from ..segmentation.skin import skin_map
from ..torch_state import independent
from .energy import held_back, held_energy, weights_at
from .ingredients import Ingredients
from .inputs import fitting_size, read_given_masks, resolve_precision
from .memory import plan_low_memory
from .presets import PRESETS, check_iterations, default_size, mask_source, optimises
from .references import Mixture, Reference, read_references
from .result import TransferResult
from .start import checked_start, noise_start


class _Clock:
    """A stopwatch that adds up the seconds of each phase, and tells `entered` its name when it begins."""

    def __init__(self, entered: Callable[[str], None] | None) -> None:
        self.timings: dict[str, float] = {}
        self._entered = entered

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        begin = time.perf_counter()
        if self._entered:
            self._entered(name)
        try:
            yield
        finally:
            self.timings[name] = self.timings.get(name, 0.0) + time.perf_counter() - begin


@independent
def transfer(
    content: Any,
    style: Any,
    *,
    content_mask: Any = None,
    style_mask: Any = None,
    style_weights: Sequence[float] | None = None,
    auto_mask: str | None = "auto",
    regions: int | None = None,
    segment_model: str | Path | None = None,
    size: int | None = None,
    preset: str = "default",
    iterations: int | None = None,
    realism: float | None = None,
    strength: float = 1.0,
    keep_luma: bool = False,
    keep_chroma: bool = False,
    keep_skin: float | None = None,
    weights: str | Path | VGG19 = "bundled",
    term_weights: Weights | None = None,
    device: str | torch.device = "auto",
    precision: str = "auto",
    seed: int = 0,
    start: Tensor | None = None,
    callback: Callable[[Iteration], None] | None = None,
    callback_every: int | None = None,
    on_phase: Callable[[str], None] | None = None,
) -> TransferResult:
    """Give the light and colours of one photo to another, keeping every edge where it was.

    Args:
        content, style: the photo to change, and the photo to take light and colours from: each a path, a PIL image, a
            NumPy array (H, W, 3) or a tensor (3, H, W). What is transparent is in no region, and counts nowhere.
            `style` may be a list of several photos, which are mixed.
        content_mask, style_mask: label images or mask stacks (see `masks.label_images.read_labels`), both or neither.
            They may have another size than their photo, but not another aspect ratio. For several style photos
            `style_mask` is a list of as many, and `content_mask` may be.
        style_weights: how much each of several style photos counts, relative to the others; by default all the same.
            A photo of weight zero changes nothing.
        auto_mask: where masks come from if none are given. ``features`` divides both photos into regions that
            correspond (see `cosegment`). ``ade20k`` divides them by what they show (see
            `segmentation.scene_regions.parse_scenes`; needs the extra ``segment``). ``none`` or None takes each photo
            as one region. ``auto`` is ``features``, but for the preset ``colour`` it is ``none``.
        regions: how many regions ``features`` makes, from 1 to 9; default: as many as match.
        segment_model: the network that ``ade20k`` uses (see `segmentation.scene_parser.load_scene_parser`); default:
            a small SegFormer, downloaded once.
        size: longest side of the working size, in pixels; default: 400 on the CPU, 700 on a GPU. The working size is
            never larger than the photo. A panorama longer than 6.25 : 1 is larger, so that its short side has enough
            pixels: as content if `size` is the default, as style always.
        preset: ``default`` starts from the content with colours moved label by label, takes steps in `ImageMetric`,
            and ends once 10 iterations lower the energy by less than 1.5 %, after 40 iterations at most. ``draft``
            is its first 10. ``paper`` runs the authors' two stages of 1000 iterations each from noise. ``colour``
            moves the content's colours label by label and optimises nothing; ``reinhard``, ``mk``, ``idt`` and
            ``transport`` do so by the method of that name (see `color.methods`).
        iterations: exactly this many L-BFGS iterations per stage, instead of the preset's.
        realism: from all that the authors' energy finds (0) to the colour transfer (1, for which nothing is
            optimised). Up to 0.5 the energy holds back more and more of what would be painted into smooth places (see
            `pipeline.energy`); above, the result goes back to the colour transfer, in smooth places first (see
            `color.realism`). Default: 0.5, but 0 for ``paper``.
        strength: the share of the change that the result takes, from 0 (the content's own pixels, exactly) to 1.
        keep_luma: keep the content's lightness (L* of CIELAB), and take only hues and chroma.
        keep_chroma: keep the content's hues and chroma (a* and b*), and take only lightness. See `color.mixing.Mix`.
        keep_skin: how much of its own hue and chroma people's skin keeps, from 0 (whatever comes) to 1 (all); see
            `color.skin_tones`. Skin is sought around faces that look at the camera. Default: 0.5, but 0 for
            ``paper``.
        weights: VGG-19 weights (see `load_vgg19`) or a loaded network.
        term_weights: weights of the energy's terms; default: the authors', with up to four times their photorealism
            term at realism above 0.
        device: ``auto``, ``cpu``, ``cuda`` or a torch device.
        precision: the type in which the network computes: ``float32``, ``bfloat16`` or ``auto``, which is what is
            faster: on a CPU as measured once, on a GPU bfloat16 where the hardware multiplies it. Gram matrices,
            losses and the picture are always float32.
        seed: seed of the noise that the ``paper`` preset starts from.
        start: an optimised picture to go on from, (3, h, w) at working size, such as `Ingredients.optimised` of an
            earlier result; default: what the preset starts from.
        callback: function that is called with an `Iteration`. An exception that it raises ends the transfer;
            KeyboardInterrupt ends the optimisation, and the best picture so far becomes the result.
        callback_every: number of iterations from one call to the next; default: 1 on the CPU, and 10 on a GPU, for
            which each call must wait.
        on_phase: function that is called with the name of each phase when it begins: ``read``, ``network``,
            ``masks``, ``start``, the names of the preset's stages, and ``finish``; some begin twice.

    Returns:
        The result; its method `save` writes the photo.

    Raises:
        PhotostyleError: an argument or a file cannot be used, or there is not enough memory; the message is one
            sentence.

    Source: Luan, Paris, Shechtman, Bala, *Deep Photo Style Transfer* (CVPR 2017); the default start is after Pitie,
    Kokaram and Dahyot 2007 (see `color.transport`).
    """
    if preset not in PRESETS:
        raise choice_error("preset", preset, PRESETS)
    check_iterations(preset, iterations)
    if callback_every is not None and callback_every < 1:
        raise PhotostyleError(f"`callback_every` must be at least 1, got {callback_every}")
    plan = PRESETS[preset]
    mix = Mix(strength, keep_luma, keep_chroma)
    realism = plan.realism if realism is None else realism
    check_realism(realism)
    keep_skin = plan.keep_skin if keep_skin is None else keep_skin
    check_keep_skin(keep_skin)
    source = mask_source(auto_mask, preset)
    check_automatic(source, regions, segment_model, masks_given=content_mask is not None)
    target = resolve_device(device)
    stages = [stage if iterations is None else exactly(stage, iterations) for stage in plan.stages]
    if not optimises(preset, realism):
        stages = []
    way = resolve_precision(precision, target) if stages else None
    clock = _Clock(on_phase)
    with clock.phase("read"):
        photo = as_photo(content, "content")
        longest = default_size(target.type) if size is None else size
        masks = content_mask, style_mask
        references = read_references(style, masks, style_weights, photo.icc_profile, longest, target)
        small = fitting_size(photo, longest, strict=size is not None)
        image = photo.tensor(small, target)
    low_memory = False
    if way is not None:
        low_memory = plan_low_memory(small, way.dtype, max(min(s.history, s.iterations) for s in stages), target)
        if low_memory and way.winograd:
            way = replace(way, winograd=False, reason="memory is short")
    vgg: VGG19 | None = None
    if way is not None or (content_mask is None and needs_network(source)):
        with clock.phase("network"):
            vgg = (weights if isinstance(weights, VGG19) else load_vgg19(weights)).to(target)
    with clock.phase("masks"):
        found = {"regions": regions, "segment_model": segment_model}
        pairs = [_masks(photo, image, reference, source, vgg, found) for reference in references]
        mixture = Mixture(references, pairs)
    with clock.phase("start"):
        colored = mixture.colored(image, plan.method)
        ingredients = Ingredients(image, colored, skin_map(image, find_faces(photo)))
        first = noise_start(small, seed).to(target) if plan.start == "noise" else colored
        first = first if start is None else checked_start(start, small).to(target)

    def toned(optimised: Tensor) -> Tensor:
        return mixture.toned(optimised, held_back(realism))

    def seen(optimised: Tensor) -> Tensor:
        return ingredients.seen(toned(optimised), realism, keep_skin)

    solver: Solver | None = None
    if way is not None and vgg is not None:
        with clock.phase("network"):
            weighting = term_weights or weights_at(realism)
            objective = mixture.objective(image, way.arrange(vgg), weighting, low_memory)
            energy = held_energy(realism, objective, image, colored)
        report = None if callback is None else lambda iteration: callback(replace(iteration, _seen=seen))
        solver = Solver(energy, first, report, callback_every)
        for stage in stages:
            with clock.phase(stage.name):
                solver.run(stage)
            if solver.interrupted:
                break
    with clock.phase("finish"):
        if solver is not None:
            ingredients = replace(ingredients, optimised=solver.x, toned=toned(solver.x))
        full, working = ingredients.finished(photo, realism, keep_skin, mix)
    photos = photo, *(reference.photo for reference in references)
    return TransferResult(
        image=full,
        working=working,
        content=photo,
        preset=preset,
        realism=realism,
        keep_skin=keep_skin,
        labels=mixture.labels,
        notes=(
            *(note for one in photos for note in _named_notes(one)),
            *mixture.notes,
            *(solver.notes if solver else ()),
        ),
        history=solver.history if solver else [],
        energies=solver.best_terms if solver else {},
        timings=clock.timings,
        backend=ops.backend(target),
        device=str(target),
        vgg_weights=vgg.source if vgg else "none",
        precision=str(way.dtype).removeprefix("torch.") if way else "none",
        convolutions=way.description if way else "none",
        low_memory=low_memory,
        interrupted=solver.interrupted if solver else False,
        resets=solver.resets if solver else 0,
        ingredients=ingredients,
    )


def _masks(
    photo: Photo,
    image: Tensor,
    reference: Reference,
    source: str | None,
    vgg: VGG19 | None,
    parameters: dict[str, Any],
) -> MaskPair:
    """The masks that the content has in common with a style photo: those that were given, or those of `source`."""
    images = image, reference.image
    pair = read_given_masks(*reference.masks, photo, reference.photo, images)
    if pair is None:
        sizes = (image.shape[-2], image.shape[-1]), (reference.image.shape[-2], reference.image.shape[-1])
        pair = automatic_pair(photo, reference.photo, sizes, source, vgg, **parameters)
    return pair.to(image.device)


def _named_notes(photo: Photo) -> list[str]:
    """A photo's notes on how it was read, and on its transparent pixels, each with the photo's name in front."""
    notes = list(photo.notes)
    if photo.has_transparency:
        notes.append("it is transparent in places, and what nobody sees belongs to no region")
    return [f"{Path(photo.name).name}: {note}" for note in notes]
