"""The working size of a photo, and the resizing of images."""

from __future__ import annotations

import torch

from ..errors import PhotostyleError

# torch's filter for GPUs holds its weights in shared memory, and refuses reductions by more than about 47.
_LARGEST_REDUCTION = 24


def working_size(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """The size (H, W) reduced in proportion so that its longer side has at most `longest` pixels.

    A smaller size is returned unchanged, and no side falls below 1. Raises PhotostyleError if a side or `longest` is
    below 1.
    """
    height, width = size
    if height < 1 or width < 1:
        raise PhotostyleError(f"`size` must be at least 1 x 1, got {height} x {width}")
    if longest < 1:
        raise PhotostyleError(f"`longest` must be at least 1, got {longest}")
    side = max(height, width)
    if side <= longest:
        return height, width
    half_up = [(2 * length * longest + side) // (2 * side) for length in size]
    return max(1, half_up[0]), max(1, half_up[1])


def resize(image: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Resize an image by bicubic interpolation (Catmull-Rom, a = -0.5) and clamp it to [0, 1].

    Pixel centres lie at half-integer coordinates. An image that shrinks is antialiased.

    Args:
        image: (..., C, H, W), float32 or float64.
        size: the new (H, W).

    Returns:
        The image at the new size, of the same dtype and on the same device; differentiable in `image`.

    Raises:
        PhotostyleError: `image` has another shape or type or no pixels, or a side of `size` is below 1.
    """
    if image.ndim < 3 or not image.is_floating_point() or 0 in image.shape:
        raise PhotostyleError(
            f"`image` must be a float (..., C, H, W) tensor, got {image.dtype} {tuple(image.shape)}"
        )
    if min(size) < 1:
        raise PhotostyleError(f"`size` must be at least 1 x 1, got {size[0]} x {size[1]}")
    if tuple(image.shape[-2:]) == tuple(size):
        return image.clamp(0, 1)
    reduction = max(image.shape[-2] / size[0], image.shape[-1] / size[1])
    if image.device.type == "cuda" and reduction > _LARGEST_REDUCTION:
        return resize(image.cpu(), size).to(image.device)
    batch = image.reshape(-1, *image.shape[-3:])
    # With `antialias`, torch widens the filter by the factor of reduction, and uses a = -0.5 when enlarging too.
    resized = torch.nn.functional.interpolate(batch, size=tuple(size), mode="bicubic", antialias=True)
    return resized.clamp(0, 1).reshape(*image.shape[:-2], *size)
