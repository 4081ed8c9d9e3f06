"""The operators as `torch.nn` modules, whose fixed inputs are buffers that `.to()` and `state_dict` carry.

The modules have no parameters, and calling them does not change them. Under autocast they accept the half-precision
features that a network makes, and compute in float32. They compile in one graph, and work under `torch.func` (vmap,
grad, jvp, hessian) as far as their operators do.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .. import ops
from .checks import layout_hint, require, require_dtype, warn_of_levels
from .masked_gram import gram_normalisation


def _float(x: Tensor) -> Tensor:
    """Convert half precision, which autocast makes, to float32. The op itself checks all other types."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


class MattingLoss(nn.Module):
    """The photorealism term of Luan et al. 2017: `ops.matting_energy` under the content photo's Matting Laplacian.

    Args:
        content: (3, H, W) or (B, 3, H, W), RGB in [0, 1], float32 or float64; kept in the buffer ``content``.
        weight: factor of the loss; 1e4 in the paper.
        eps, radius: parameters of the Laplacian, see `ops.matting_laplacian`.

    Raises:
        PhotostyleError: `content` is no tensor of such a shape.
    """

    content: Tensor

    def __init__(self, content: Tensor, *, weight: float = 1.0, eps: float = 1e-7, radius: int = 1) -> None:
        super().__init__()
        self.weight, self.eps, self.radius = weight, eps, radius
        self.register_buffer("content", _image("content", content))

    def forward(self, x: Tensor) -> Tensor:
        """The weighted energy of each item of a batch; differentiable in `x` any number of times.

        Args:
            x: (..., C, H, W), in the content's type.

        Returns:
            (...), one loss per item.

        Raises:
            PhotostyleError: the shapes, types or devices of `x` and the content do not fit.
        """
        with torch.autocast(x.device.type, enabled=False):
            energy = ops.matting_energy(_float(x), self.content, eps=self.eps, radius=self.radius)
            return energy * self.weight

    def extra_repr(self) -> str:
        return f"weight={self.weight:g}, eps={self.eps:g}, radius={self.radius}"


class MaskedGramMatrix(nn.Module):
    """Masked Gram matrices G_k = sum_p m_k^2 F F^T, by default divided by C N mean(m_k) as in Luan et al. 2017.

    Args:
        masks: (K, H, W), float32 or float64, at the features' size; kept in the buffer ``masks``.
        normalise: whether to divide by C N mean(m_k), N = H W. The matrix of an empty mask is zero in either case.
        tf32: see `ops.masked_gram`.

    Raises:
        PhotostyleError: `masks` is no tensor of such a shape and type.
    """

    masks: Tensor

    def __init__(self, masks: Tensor, *, normalise: bool = True, tf32: bool = False) -> None:
        super().__init__()
        self.normalise, self.tf32 = normalise, tf32
        self.register_buffer("masks", _masks(masks))

    def forward(self, features: Tensor) -> Tensor:
        """The Gram matrices of features; differentiable in them any number of times.

        Args:
            features: (..., C, H, W).

        Returns:
            (..., K, C, C), one matrix per mask.

        Raises:
            PhotostyleError: the shapes, types or devices of features and masks do not fit.
        """
        with torch.autocast(features.device.type, enabled=False):
            gram = ops.masked_gram(features, self.masks, tf32=self.tf32)
            return (
                gram * gram_normalisation(self.masks, features.shape[-3])[1][:, None, None]
                if self.normalise
                else gram
            )

    def extra_repr(self) -> str:
        return f"masks={len(self.masks)}, normalise={self.normalise}"


class MaskedGramLoss(nn.Module):
    """The augmented style loss of one layer (Luan et al. 2017, eq. 5), by `ops.masked_gram_loss`.

    The loss is the sum over masks of mean(m_k) times the mean squared difference between the normalised Gram matrix
    and its target. Targets, masks and the factors that follow from them are buffers.

    Args:
        targets: (K, C, C), the matrices that `MaskedGramMatrix` makes of the style photo's features and masks;
            converted to the masks' type and device.
        masks: (K, H, W), float32 or float64, the content photo's masks at the features' size. An empty mask adds
            nothing to the loss.
        weight: factor of the loss.
        tf32: see `ops.masked_gram`.

    Raises:
        PhotostyleError: `targets` or `masks` is no tensor of such a shape and type.
    """

    targets: Tensor
    masks: Tensor
    scales: Tensor
    shares: Tensor

    def __init__(self, targets: Tensor, masks: Tensor, *, weight: float = 1.0, tf32: bool = False) -> None:
        super().__init__()
        self.weight, self.tf32 = weight, tf32
        masks = _masks(masks)
        require(isinstance(targets, Tensor), f"`targets` must be a torch.Tensor, got {type(targets).__name__}")
        channels = targets.shape[-1] if targets.dim() else 0
        require(
            tuple(targets.shape) == (len(masks), channels, channels) and channels > 0,
            f"`targets` must have shape ({len(masks)}, C, C), one matrix per mask, got {tuple(targets.shape)}",
        )
        self.register_buffer("targets", targets.detach().to(masks).contiguous())
        self.register_buffer("masks", masks)
        share, scale = gram_normalisation(masks, channels)
        self.register_buffer("scales", scale)
        self.register_buffer("shares", share / channels**2)

    def forward(self, features: Tensor) -> Tensor:
        """The weighted loss of each item of a batch; differentiable in the features any number of times.

        Args:
            features: (..., C, H, W).

        Returns:
            (...), one loss per item.

        Raises:
            PhotostyleError: the shapes, types or devices of features, masks and targets do not fit.
        """
        with torch.autocast(features.device.type, enabled=False):
            loss = ops.masked_gram_loss(features, self.masks, self.targets, self.scales, self.shares, tf32=self.tf32)
            return loss * self.weight

    def extra_repr(self) -> str:
        return f"masks={len(self.masks)}, channels={self.targets.shape[-1]}, weight={self.weight:g}"


class LocalAffineSmoothing(nn.Module):
    """The last step of Luan et al. 2017: `ops.smooth_local_affine` with a fixed content photo.

    Args:
        content: (3, H, W) or (B, 3, H, W), RGB in [0, 1], float32 or float64; kept in the buffer ``content``.
        patch_radius, ridge, radius, sigma_space, sigma_color: see `ops.smooth_local_affine`.

    Raises:
        PhotostyleError: `content` is no tensor of such a shape.
    """

    content: Tensor

    def __init__(
        self,
        content: Tensor,
        *,
        patch_radius: int = 1,
        ridge: float = 1e-3,
        radius: int = 15,
        sigma_space: float | None = None,
        sigma_color: float = 0.01,
    ) -> None:
        super().__init__()
        self.patch_radius, self.ridge, self.radius = patch_radius, ridge, radius
        self.sigma_space, self.sigma_color = sigma_space, sigma_color
        self.register_buffer("content", _image("content", content))

    def forward(self, output: Tensor) -> Tensor:
        """The smoothed pictures.

        Args:
            output: (..., 3, H, W), the stylised pictures, RGB in [0, 1].

        Returns:
            (..., 3, H, W), not clamped.

        Raises:
            PhotostyleError: the shapes, types or devices of `output` and the content do not fit.
            NotImplementedError: a gradient is asked for.
        """
        with torch.autocast(output.device.type, enabled=False):
            return ops.smooth_local_affine(
                _float(output),
                self.content,
                patch_radius=self.patch_radius,
                ridge=self.ridge,
                radius=self.radius,
                sigma_space=self.sigma_space,
                sigma_color=self.sigma_color,
            )

    def extra_repr(self) -> str:
        return f"patch_radius={self.patch_radius}, radius={self.radius}, sigma_color={self.sigma_color:g}"


def _image(name: str, image: Tensor) -> Tensor:
    require(isinstance(image, Tensor), f"`{name}` must be a torch.Tensor, got {type(image).__name__}")
    require(
        image.dim() in (3, 4) and image.shape[-3] == 3,
        f"`{name}` must have shape (3, H, W) or (B, 3, H, W), got {tuple(image.shape)}{layout_hint(image)}",
    )
    warn_of_levels(name, image)
    return image.detach().contiguous()


def _masks(masks: Tensor) -> Tensor:
    require(isinstance(masks, Tensor), f"`masks` must be a torch.Tensor, got {type(masks).__name__}")
    require(masks.dim() == 3, f"`masks` must have shape (K, H, W), got {tuple(masks.shape)}")
    require_dtype("masks", masks, (torch.float32, torch.float64))
    return masks.detach().contiguous()
