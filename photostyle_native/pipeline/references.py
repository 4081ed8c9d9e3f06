"""The style photos of a transfer, one or several, with their masks and their shares in the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..color.methods import METHODS
from ..color.mixing import shares_of
from ..errors import PhotostyleError
from ..images.photo import Photo, as_photo
from ..masks.pairs import MaskPair
from ..network.vgg19 import VGG19
from ..optimization.objective import Objective, Weights
from .inputs import fitting_size

_TONED = 0.5


@dataclass(frozen=True, eq=False)
class Reference:
    """A style photo in the content's colour space, at working size: `image`, (3, h, w).

    `share` is its weight in the result; the shares of all add up to one. `masks` are what was given for the content
    and for it, or None.
    """

    photo: Photo
    image: Tensor
    share: float
    masks: tuple[Any, Any] = (None, None)


@dataclass(frozen=True, eq=False)
class Mixture:
    """Style photos with the masks that each has in common with the content, and what they make of it."""

    references: Sequence[Reference]
    pairs: Sequence[MaskPair]

    def colored(self, content: Tensor, method: str) -> Tensor:
        """The content with its colours moved by the method of this name, (3, h, w); the mean for several photos."""
        moved = [
            METHODS[method](content, reference.image, pair.content, pair.style)
            for reference, pair in zip(self.references, self.pairs, strict=True)
        ]
        if len(moved) == 1:
            return moved[0]
        return torch.stack([r.share * one for r, one in zip(self.references, moved, strict=True)]).sum(0)

    def toned(self, picture: Tensor, share: float) -> Tensor:
        """A picture of the content, on the way to the mean and covariance of the style's colours, label by label.

        What holds the optimisation back where it would paint moves its colours away from the style's. Going all the
        way would raise contrast where the optimisation had reasons not to, so a `share` of 1 is half of it.
        """
        return torch.lerp(picture, self.colored(picture, "mk"), _TONED * share) if share else picture

    def objective(self, content: Tensor, vgg: VGG19, weights: Weights | None, low_memory: bool) -> Objective:
        """The energy with the style terms of all style photos, each by its share."""
        return Objective(
            content,
            [reference.image for reference in self.references],
            [pair.content for pair in self.pairs],
            [pair.style for pair in self.pairs],
            vgg,
            weights,
            low_memory,
            shares=[reference.share for reference in self.references],
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the regions; of several style photos each begins with the photo's name."""
        return tuple(f"{start}{label}" for start, pair in self._named() for label in pair.labels)

    @property
    def notes(self) -> list[str]:
        """What was done to the masks, a sentence each; of several style photos each begins with the photo's name."""
        return [f"{start}{note}" for start, pair in self._named() for note in pair.notes]

    def _named(self) -> list[tuple[str, MaskPair]]:
        if len(self.pairs) == 1:
            return [("", self.pairs[0])]
        names = (f"{Path(reference.photo.name).name}: " for reference in self.references)
        return list(zip(names, self.pairs, strict=True))


def style_shares(count: int, weights: Sequence[float] | None) -> list[float]:
    """The shares of `count` style photos by their weights. Raises PhotostyleError as `mixing.shares_of` does."""
    return shares_of(weights, count, "`style_weights`", "style photos")


def listed(style: Any, content_mask: Any, style_mask: Any) -> tuple[list[Any], list[tuple[Any, Any]]]:
    """The argument `style` of a transfer as a list of photos, and the masks of the content and the style for each.

    Raises PhotostyleError if there are masks, but not one for each.
    """
    styles = list(style) if isinstance(style, list | tuple) else [style]
    several = isinstance(style_mask, list | tuple)
    masks = list(style_mask) if several else [style_mask] * (1 if style_mask is not None else len(styles))
    contents = list(content_mask) if isinstance(content_mask, list | tuple) else [content_mask] * len(styles)
    for name, given in (("style_mask", masks), ("content_mask", contents)):
        if len(given) != len(styles):
            raise PhotostyleError(
                f"`{name}` must have a mask for each of {len(styles)} style photos, got {len(given)}"
            )
    return styles, list(zip(contents, masks, strict=True))


def read_references(
    style: Any,
    masks: tuple[Any, Any],
    style_weights: Sequence[float] | None,
    icc_profile: bytes | None,
    longest: int,
    device: torch.device,
) -> list[Reference]:
    """Read the style photos, in the colour space of `icc_profile`, their longest side at most `longest` pixels.

    `masks` are the arguments `content_mask` and `style_mask`. Style photos of weight zero are left out: the result is
    the same as without them. Raises PhotostyleError as `as_photo`, `listed`, `style_shares` and `fitting_size` do.
    """
    styles, pairs = listed(style, *masks)
    references = []
    for number, (source, given, share) in enumerate(
        zip(styles, pairs, style_shares(len(styles), style_weights), strict=True), 1
    ):
        if share:
            name = "style" if len(styles) == 1 else f"style {number}"
            photo = as_photo(source, name).converted_to(icc_profile)
            size = fitting_size(photo, longest, strict=False)
            references.append(Reference(photo, photo.tensor(size, device), share, given))
    return references
