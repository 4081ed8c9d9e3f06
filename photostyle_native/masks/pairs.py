"""Pairs of masks with corresponding labels, made from the label images of a content and a style photo.

`exact_pair` takes the images unchanged, to evaluate results. `prepare_pair` adapts them for a transfer: every pixel
gets exactly one label, very small regions disappear, and every content label gets a style label.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage  # type: ignore[import-untyped]

from ..errors import PhotostyleError
from .label_images import UNLABELED, LabelImage, nearest_pixels
from .matching import Region, describe_regions, match_regions
from .palettes import Palette, label_index, share_labels

Size = tuple[int, int]  # height, width

_ASPECT_TOLERANCE = 0.02


@dataclass(frozen=True, eq=False)
class MaskPair:
    """The masks of two photos with the same labels.

    Args:
        content, style: (K, H, W) and (K, H', W'), float32 in [0, 1]; mask k of each belongs to label k.
        labels: the K labels.
        notes: a sentence for each change of the label images.
    """

    content: torch.Tensor
    style: torch.Tensor
    labels: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def to(self, device: torch.device) -> MaskPair:
        """The same masks on another device."""
        return replace(self, content=self.content.to(device), style=self.style.to(device))

    def weighted(self, content_opacity: torch.Tensor | None, style_opacity: torch.Tensor | None) -> MaskPair:
        """The same masks multiplied by the opacity of the photos' pixels, (H, W) and (H', W'); None is opaque."""
        content = self.content if content_opacity is None else self.content * content_opacity.to(self.content)
        style = self.style if style_opacity is None else self.style * style_opacity.to(self.style)
        return replace(self, content=content, style=style)


def single_region(content_size: Size, style_size: Size) -> MaskPair:
    """Make masks with one label that covers both photos, for a transfer without masks. Sizes are (height, width)."""
    return MaskPair(torch.ones(1, *content_size), torch.ones(1, *style_size), ("all",))


def aspects_differ(one: Size, other: Size) -> bool:
    """Whether two aspect ratios differ by more than 2 %, and by more than rounding a side to pixels can cause."""
    (height, width), (other_height, other_width) = one, other
    cross = abs(width * other_height - height * other_width)  # zero if the ratios are equal
    # A change of one pixel in a side of one image changes `cross` by a side of the other image.
    return cross > max(_ASPECT_TOLERANCE * height * other_width, *one, *other)


def check_aspect(name: str, size: Size, photo_size: Size) -> None:
    """Raise PhotostyleError if the picture `name`, made for or from a photo, has another aspect ratio than that."""
    if aspects_differ(size, photo_size):
        (height, width), (photo_height, photo_width) = size, photo_size
        raise PhotostyleError(
            f"{name} is {width}x{height}, its photo is {photo_width}x{photo_height}: the aspect ratios differ"
        )


# ------------------------------------------------------------------------------- masks without changes


def extract_masks(labels: LabelImage, size: Size) -> tuple[torch.Tensor, tuple[str, ...]]:
    """Make the masks of one label image without merging or mapping labels.

    An image in the authors' palette is resized bilinearly and then compared with all nine colours, as in the authors'
    code, so pixels that are close to no colour belong to no mask. With another palette every pixel takes the label
    with the nearest colour. Index images are sampled, and mask stacks are resized bilinearly.

    Args:
        labels: the label image.
        size: (height, width) of the masks.

    Returns:
        The masks, (K, H, W) float32, and the K labels.

    Raises:
        PhotostyleError: the image does not look like a label image, or its aspect ratio differs from that of `size`.
    """
    palette, (image,) = share_labels(labels)
    return _exact_masks(image, palette, size), palette.names


def exact_pair(
    content_labels: LabelImage, style_labels: LabelImage, content_size: Size, style_size: Size
) -> MaskPair:
    """Make the masks of both photos without merging or mapping labels, to evaluate a result.

    All labels of the content are kept; a label that the style lacks has an empty style mask. Labels that only the
    style has are left out, because they contribute nothing to the energy.

    Args:
        content_labels, style_labels: the label images.
        content_size, style_size: (height, width) of the masks.

    Raises:
        PhotostyleError: as for `extract_masks`; the images cannot be compared; no pixel of the content has a label.
    """
    palette, (content, style) = share_labels(content_labels, style_labels)
    content_masks = _exact_masks(content, palette, content_size)
    style_masks = _exact_masks(style, palette, style_size)
    kept = [k for k in range(len(palette.names)) if bool(content_masks[k].any())]
    if not kept:
        raise PhotostyleError(f"{content.name} must have a label on some pixel, but all are unlabelled")
    return MaskPair(content_masks[kept], style_masks[kept], tuple(palette.names[k] for k in kept))


def _exact_masks(image: LabelImage, palette: Palette, size: Size) -> torch.Tensor:
    check_aspect(image.name, image.size, size)
    if image.kind == "masks":
        return _resize_bilinear(torch.from_numpy(image.data), size)
    if image.kind == "color" and palette.colors is None:
        resized = _resize_bilinear(_unit_planes(image.data), size).permute(1, 2, 0).numpy()
        return _one_hot(label_index(replace(_sample(image, size), data=resized), palette), len(palette.names))
    return _one_hot(label_index(_sample(image, size), palette, nearest=True), len(palette.names))


def _unit_planes(data: np.ndarray) -> torch.Tensor:
    """Convert colours (H, W, 3), uint8 or float32, to (3, H, W) float32 in [0, 1]."""
    planes = np.ascontiguousarray(np.moveaxis(data, -1, 0), np.float32)
    return torch.from_numpy(planes / 255 if data.dtype == np.uint8 else planes)


def _resize_bilinear(planes: torch.Tensor, size: Size) -> torch.Tensor:
    if tuple(planes.shape[-2:]) == size:
        return planes
    return F.interpolate(planes[None], size, mode="bilinear", align_corners=False)[0]


def _sample(image: LabelImage, size: Size) -> LabelImage:
    hidden = None if image.hidden is None else nearest_pixels(image.hidden, size)
    return replace(image, data=nearest_pixels(image.data, size), hidden=hidden)


def _one_hot(index: np.ndarray, count: int) -> torch.Tensor:
    return (torch.from_numpy(index)[None] == torch.arange(count)[:, None, None]).float()


# ------------------------------------------------------------------------------- masks for a transfer


def prepare_pair(
    content_labels: LabelImage,
    style_labels: LabelImage,
    content_size: Size,
    style_size: Size,
    *,
    min_fraction: float = 0.005,
    content_image: torch.Tensor | None = None,
    style_image: torch.Tensor | None = None,
    content_opacity: torch.Tensor | None = None,
    style_opacity: torch.Tensor | None = None,
) -> MaskPair:
    """Make masks for a transfer, in which every pixel has exactly one label and every label occurs in both photos.

    Pixels without a label (boundaries painted with anti-aliasing) and regions smaller than `min_fraction` of a photo
    take the nearest label that remains. A content region whose label the style lacks takes the label of the style
    region that is closest in colour, relative to the photo's mean, and in height on the photo; without the photos,
    closest in height and area. A style label that no content region takes is left out. Of soft masks, the largest in
    each pixel becomes 1 and the others 0. Transparent pixels belong to no mask, and translucent ones in part.

    Args:
        content_labels, style_labels: the label images.
        content_size, style_size: (height, width) of the masks.
        min_fraction: the smallest share of a photo that a label must cover, in [0, 1).
        content_image, style_image: the photos, (3, H, W) and (3, H', W'), RGB in [0, 1], of these sizes, if known.
        content_opacity, style_opacity: the opacity of the photos' pixels, (H, W) and (H', W') in [0, 1], if they have
            one.

    Raises:
        PhotostyleError: the label images cannot be compared, have no label in common or no label at all, or have
            other aspect ratios than their photos; or another argument does not fit.
    """
    if not 0 <= min_fraction < 1:
        raise PhotostyleError(f"`min_fraction` must be in [0, 1), got {min_fraction}")
    palette, (content, style) = share_labels(content_labels, style_labels)
    content_index, content_notes = _partition(content, palette, content_size, min_fraction, content_opacity)
    style_index, style_notes = _partition(style, palette, style_size, min_fraction, style_opacity)
    content_regions = describe_regions(content_index, content_image, "content_image")
    style_regions = describe_regions(style_index, style_image, "style_image")
    if not set(content_regions) & set(style_regions):
        content_names, style_names = (
            ", ".join(palette.names[k] for k in regions) for regions in (content_regions, style_regions)
        )
        raise PhotostyleError(
            f"{content.name} and {style.name} have no label in common:"
            f" content has {content_names}; style has {style_names}"
        )
    follows = match_regions(content_regions, style_regions)
    matching_notes = _describe_matching(content, style, palette, content_regions, style_regions, follows)
    kept = sorted(set(follows.values()))
    followed = np.full(len(palette.names) + 1, UNLABELED, np.int16)  # UNLABELED, -1, reads the last element
    followed[list(follows)] = list(follows.values())
    pair = MaskPair(
        _one_hot(followed[content_index], len(palette.names))[kept],
        _one_hot(style_index, len(palette.names))[kept],
        tuple(palette.names[k] for k in kept),
        (*content_notes, *style_notes, *matching_notes),
    )
    return pair.weighted(content_opacity, style_opacity)


def _partition(
    image: LabelImage, palette: Palette, size: Size, min_fraction: float, opacity: torch.Tensor | None
) -> tuple[np.ndarray, list[str]]:
    """Make an index map of `size` without unlabelled pixels and very small regions, with a note for each change.

    Only transparent pixels are unlabelled in it; they are not counted.
    """
    check_aspect(image.name, image.size, size)
    index = _hard_labels(image, palette, size)
    visible = np.ones(size, bool) if opacity is None else opacity.cpu().numpy() > 0
    index[~visible] = UNLABELED
    shares = np.bincount(index[index >= 0], minlength=len(palette.names)) / visible.sum()
    if not shares.any():
        raise PhotostyleError(f"{image.name} must have a label on some pixel, but all are unlabelled")
    slivers = (shares > 0) & (shares < min_fraction)
    slivers[shares.argmax()] = False  # the largest label always remains
    notes = []
    if (index[visible] < 0).any():
        unlabeled = _percent(float((index[visible] < 0).mean()))
        notes.append(f"{image.name}: {unlabeled} of the pixels match no label and joined the nearest one.")
    for k in np.flatnonzero(slivers):
        notes.append(
            f"{image.name}: `{palette.names[k]}` covers {_percent(shares[k])}, less than"
            f" {_percent(min_fraction)}, and joined the labels around it."
        )
    lost = (index < 0) | slivers[index]  # the index -1 reads the last element, which has no effect here
    if lost.any():
        nearest = ndimage.distance_transform_edt(lost, return_distances=False, return_indices=True)
        index = np.where(visible, index[tuple(nearest)], np.int16(UNLABELED))
    return index, notes


def _hard_labels(image: LabelImage, palette: Palette, size: Size) -> np.ndarray:
    if image.kind != "masks":
        return label_index(_sample(image, size), palette)
    strength, index = _resize_bilinear(torch.from_numpy(image.data), size).max(dim=0)
    index[strength <= 0] = UNLABELED
    return index.numpy().astype(np.int16)


def _describe_matching(
    content: LabelImage,
    style: LabelImage,
    palette: Palette,
    content_regions: dict[int, Region],
    style_regions: dict[int, Region],
    follows: dict[int, int],
) -> list[str]:
    notes = []
    for k, target in follows.items():
        if k != target:
            region = content_regions[k]
            colored = region.color is not None and style_regions[target].color is not None
            measure = "colour and height" if colored else "height and area"
            notes.append(
                f"{content.name}: `{palette.names[k]}` ({_percent(region.area)}) is not in {style.name}"
                f" and follows `{palette.names[target]}`, the closest by {measure}."
            )
    for k, region in style_regions.items():
        if k not in follows.values():
            notes.append(
                f"{style.name}: `{palette.names[k]}` ({_percent(region.area)}) is not in {content.name}"
                " and is not used."
            )
    return notes


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"
