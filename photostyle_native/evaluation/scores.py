"""The scores of one pair: the result, the folder's reference result and the content itself, all at one size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from ..errors import PhotostyleError
from ..images.photo import Photo, read_photo
from ..masks.pairs import exact_pair
from ..network.vgg19 import VGG19
from ..pipeline.inputs import fitting_size, read_mask_pair
from ..segmentation.automatic import automatic_pair
from .evaluator import Evaluation, Evaluator, check_output_aspect
from .pairs import Pair
from .records import Finished

# Which picture is scored: the result of this run (or of --results), the folder's reference, the content itself.
OURS, REFERENCE, CONTENT = "ours", "reference", "content"


@dataclass(frozen=True)
class Score:
    """The scores of one picture."""

    pair: str
    who: str  # OURS, REFERENCE or CONTENT
    path: Path
    size: tuple[int, int]  # height, width at which it was compared
    evaluation: Evaluation
    seconds: float | None
    iterations: int | None


def score_pair(pair: Pair, ours: Finished | None, longest: int, vgg: VGG19) -> tuple[list[Score], list[str]]:
    """Score all pictures of a pair, and say what is wrong with those that cannot be scored.

    All are compared at one size with the content's aspect ratio. Its longest side is `longest`, or that of the
    smallest picture if that is less, so that no picture is enlarged. Masks count as given; without masks all are
    scored under the regions that a transfer at this size would find.

    Raises:
        PhotostyleError: the content, the style photo or a mask cannot be used.
    """
    content = read_photo(pair.content)
    style = read_photo(pair.style).converted_to(content.icc_profile)
    outputs: dict[str, Photo] = {CONTENT: content}
    finished = {CONTENT: Finished(pair.content)}
    problems = []
    reference = None if pair.reference is None else Finished(pair.reference)
    for who, result in ((OURS, ours), (REFERENCE, reference)):
        if result is not None:
            try:
                photo = read_photo(result.path).converted_to(content.icc_profile)
                check_output_aspect(photo, content, photo.size)
                outputs[who], finished[who] = photo, result
            except PhotostyleError as error:
                problems.append(str(error))
    longest = min(longest, *(max(photo.size) for photo in outputs.values()))
    at = fitting_size(content, longest, strict=False)
    evaluator = _evaluator(pair, content, style, at, fitting_size(style, longest, strict=False), vgg)
    return [
        Score(
            pair.name,
            who,
            finished[who].path,
            at,
            evaluator(outputs[who].tensor(at)),
            finished[who].seconds,
            finished[who].iterations,
        )
        for who in (OURS, REFERENCE, CONTENT)
        if who in outputs
    ], problems


@torch.no_grad()
def _evaluator(
    pair: Pair, content: Photo, style: Photo, at: tuple[int, int], style_at: tuple[int, int], vgg: VGG19
) -> Evaluator:
    images = content.tensor(at), style.tensor(style_at)
    labels = read_mask_pair(pair.content_mask, pair.style_mask, content, style)
    if labels is None:
        masks = automatic_pair(content, style, (at, style_at), "features", vgg)
    else:
        masks = exact_pair(*labels, at, style_at).weighted(content.opacity(at), style.opacity(style_at))
    return Evaluator(*images, masks, vgg)
