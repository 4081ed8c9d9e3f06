"""The Matting Laplacian as a matrix that is never stored, and the linear systems of matting and of smoothing.

Levin, Lischinski, Weiss: *A Closed-Form Solution to Natural Image Matting* (PAMI 2008); Li, Liu, Li, Yang, Kautz: *A
Closed-form Solution to Photorealistic Image Stylization* (FastPhotoStyle, ECCV 2018), eq. 7.
"""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse  # type: ignore[import-untyped]
import torch
from torch import Tensor

from .. import ops
from ..errors import PhotostyleError
from ..numerics.conjugate_gradients import conjugate_gradients
from ..ops.arrays import from_tensor, kind, to_tensor
from ..ops.checks import (
    layout_hint,
    require_at_least,
    require_dtype,
    require_integer,
    wants_derivative,
    warn_of_levels,
)
from .diagonal import diagonal, windows_over
from .flat_groups import flat_groups
from .matrix_entries import matrix_entries
from .preconditioner import AffinePreconditioner
from .tiles import Tiles, Whole

PRECONDITIONERS = ("jacobi", "affine")
_DTYPES = {torch.float32: np.dtype(np.float32), torch.float64: np.dtype(np.float64)}
_FLOOR = 1e-12  # lower bound of the system's diagonal, for pixels that neither a window nor a weight determines


class MattingLaplacian:
    """The Matting Laplacian L of a guide image, a symmetric positive semidefinite matrix that is never stored.

    L is N x N, N = H W, with pixels in row-major order. SciPy and CuPy accept it as a LinearOperator, for example
    in `scipy.sparse.linalg.cg(L, b)`. `as_scipy` and `as_cupy` make operators of these libraries, which also allow
    `2 * A + B`. Vectors and images may be torch tensors or NumPy, CuPy or JAX arrays, and results are of the same
    library.

    Args:
        image: (3, H, W), RGB in [0, 1], float32 or float64, which is also the precision of all computations. A
            contiguous image is kept without a copy, so writing to it changes L. Nothing is differentiable in it.
        eps: regularisation of the windows' colour covariance, see `ops.matting_laplacian`.
        radius: windows have (2 radius + 1)^2 pixels.

    Raises:
        PhotostyleError: an argument does not fit these descriptions.

    Source: Levin, Lischinski, Weiss: *A Closed-Form Solution to Natural Image Matting* (PAMI 2008).
    """

    ndim = 2

    def __init__(self, image: Any, eps: float = 1e-7, radius: int = 1) -> None:
        self._kind = kind(image)
        guide = to_tensor("image", image).detach()
        if guide.dim() != 3 or guide.shape[0] != 3:
            raise PhotostyleError(f"`image` must have shape (3, H, W), got {tuple(guide.shape)}{layout_hint(guide)}")
        require_dtype("image", guide, tuple(_DTYPES))
        warn_of_levels("image", guide)
        self.image, self.eps, self.radius = guide.contiguous(), eps, radius
        self.size = (guide.shape[1], guide.shape[2])
        pixels = math.prod(self.size)
        self.shape = (pixels, pixels)
        ops.matting_laplacian(self.image[:1, :1, :1], self.image[:, :1, :1], eps=eps, radius=radius)  # checks both

    @property
    def dtype(self) -> Any:
        """The precision of the computations as a NumPy type, float32 or float64."""
        return _DTYPES[self.image.dtype]

    def __repr__(self) -> str:
        return f"MattingLaplacian({self.size[0]} x {self.size[1]} pixels, eps={self.eps:g}, radius={self.radius})"

    def __matmul__(self, x: Any) -> Any:
        """The product L x; differentiable if `x` is a tensor.

        Args:
            x: a vector (N,), columns (N, C) or images (..., H, W).

        Returns:
            L x, shaped like `x`.

        Raises:
            PhotostyleError: `x` has another shape or device, or is complex.
        """
        channels, restore = self._images("x", x)
        return restore(ops.matting_laplacian(channels, self.image, eps=self.eps, radius=self.radius))

    # The names by which SciPy and CuPy call the product with L and with its transpose, which is L.
    matvec = rmatvec = matmat = rmatmat = dot = __matmul__

    @property
    def T(self) -> MattingLaplacian:
        """The transpose, which is this operator itself."""
        return self

    H = T

    def energy(self, x: Any) -> Any:
        """The energy x^T L x, summed over columns or channels; differentiable if `x` is a tensor.

        Args:
            x: a vector (N,), columns (N, C) or images (..., H, W).

        Returns:
            A scalar of the library of `x`.

        Raises:
            PhotostyleError: `x` has another shape or device, or is complex.
        """
        channels, _ = self._images("x", x)
        total = ops.matting_energy(channels, self.image, eps=self.eps, radius=self.radius)
        return from_tensor(total, kind(x) or "torch")

    def diagonal(self) -> Any:
        """The diagonal entries L_pp, (N,), in the image's precision and library.

        They are computed in float64, with a few passes over the image for each of a window's (2 radius + 1)^2 pixels.
        """
        entries = diagonal(self.image[None], self.eps, self.radius)
        return from_tensor(entries.flatten(), self._kind or "torch")

    def to_sparse(self) -> scipy.sparse.csr_array:
        """The matrix in float64, for tests; with radius 1 it takes about 300 bytes per pixel."""
        everywhere = torch.ones(self.size, dtype=torch.bool, device=self.image.device)
        product = Whole(self.image.double(), self.eps, self.radius).product
        parts = zip(*matrix_entries(product, everywhere, self.radius), strict=True)
        rows, columns, values = (torch.cat(part).cpu().numpy() for part in parts)
        return scipy.sparse.csr_array(scipy.sparse.coo_array((values, (rows, columns)), shape=self.shape))

    def as_scipy(self) -> Any:
        """This matrix as a `scipy.sparse.linalg.LinearOperator` for NumPy vectors."""
        from scipy.sparse.linalg import aslinearoperator  # type: ignore[import-untyped]

        return aslinearoperator(self)

    def as_cupy(self) -> Any:
        """This matrix as a `cupyx.scipy.sparse.linalg.LinearOperator` for CuPy vectors on the image's GPU."""
        from cupyx.scipy.sparse.linalg import aslinearoperator

        return aslinearoperator(self)

    def solve(
        self,
        b: Any,
        weights: Any = 0.0,
        *,
        known: Any = None,
        preconditioner: str = "affine",
        tolerance: float = 1e-6,
        steps: int = 3000,
        start: Any = None,
        callback: Callable[[int, float], None] | None = None,
    ) -> Any:
        """Solve (L + diag(weights)) x = b by preconditioned conjugate gradients, without storing the matrix.

        Args:
            b: a vector (N,), columns (N, C) or images (..., H, W).
            weights: a number, (N,) or (H, W); not negative.
            known: bool, (N,) or (H, W), true at pixels where x equals b; x is solved for at the others only.
            preconditioner: ``"affine"`` is a multilevel preconditioner built from functions on which L is nearly
                zero; it needs few iterations whichever pixels are known. Where most pixels have a neighbour of their
                colour, as in an enlargement that repeats pixels, it also factorises a sparse matrix with a row for
                each group of equal pixels, if these are at most a million; each takes about 1.6 kB. ``"jacobi"`` uses
                only the diagonal. It has the cheapest iterations and the least memory, and is faster where all
                unknown pixels are close to known ones, as in the narrow band of a good trimap.
            tolerance: relative to the norm of the right-hand side; the iteration ends when the norm of the residual
                that it updates is at most this. With small weights and in float32 the true residual b - A x,
                A = L + diag(weights), stays larger, because rounding x alone changes it by more; an image in float64
                makes it smaller.
            steps: the largest number of iterations.
            start: the first guess, shaped like `b`; zero by default.
            callback: called with the number of iterations so far and the relative residual: at the start, and after
                every iteration on the CPU or every tenth elsewhere.

        Returns:
            x, shaped like `b`, in the image's precision. On CUDA with ``"affine"``, the last bits may differ from
            call to call.

        Raises:
            PhotostyleError: an argument does not fit these descriptions, or nothing determines x.
            NotImplementedError: a gradient is asked for.

        Warns:
            RuntimeWarning: the tolerance was not reached; the warning states the residual that was.

        Source: Levin, Lischinski, Weiss 2008; the preconditioner is described in `matting.preconditioner`.
        """
        with torch.autocast(self.image.device.type, enabled=False):
            return self._solve(b, weights, known, preconditioner, tolerance, steps, start, callback)

    def _solve(
        self,
        b: Any,
        weights: Any,
        known: Any,
        preconditioner: str,
        tolerance: float,
        steps: int,
        start: Any,
        callback: Callable[[int, float], None] | None,
    ) -> Any:
        if preconditioner not in PRECONDITIONERS:
            raise PhotostyleError(
                f"`preconditioner` must be one of {', '.join(PRECONDITIONERS)}, got {preconditioner!r}"
            )
        tolerance, steps = (
            require_at_least("tolerance", tolerance, 0),
            require_integer("steps", steps, 0, 2**31),
        )
        right, restore = self._images("b", b)
        first = None if start is None else self._images("start", start)[0]
        weight, free = self._field("weights", weights), ~self._field("known", known, torch.bool)
        if wants_derivative(right, weight, *(() if first is None else (first,))):
            raise NotImplementedError("`solve` has no gradient: pass detached tensors")
        for name, value in (("b", right), ("image", self.image)):
            if not bool(value.isfinite().all()):
                raise PhotostyleError(f"`{name}` must be finite")
        if first is not None and first.shape != right.shape:
            raise PhotostyleError(f"`start` must have the shape of `b`, got {tuple(first.shape)}")
        if not bool((weight >= 0).all()) or not bool(weight.isfinite().all()):
            raise PhotostyleError("`weights` must be finite and not negative")
        if self.shape[0] and bool(free.all()) and not bool(weight.any()):
            raise PhotostyleError("`weights` must be positive somewhere or `known` true: L alone determines no x")
        last: list[tuple[int, float]] = [(0, 0.0)]

        def watch(step: int, norm: float) -> None:
            last[0] = step, norm
            if callback is not None:
                callback(step, norm)

        x = _System(self, right.contiguous(), weight, free, preconditioner).solve(first, tolerance, steps, watch)
        step, norm = last[0]
        if not norm <= tolerance:
            warnings.warn(
                f"conjugate gradients stopped after {step} iterations at a relative residual of {norm:.1e}, "
                f"not {tolerance:.1e}",
                RuntimeWarning,
                stacklevel=3,
            )
        return restore(x)

    def matte(self, trimap: Any, *, weight: float | None = None, **options: Any) -> Any:
        """Compute the share of the foreground in every pixel (alpha) by closed-form matting.

        Args:
            trimap: (H, W) in [0, 1]. At least 0.9 means foreground, at most 0.1 background; in between, alpha is
                unknown.
            weight: None makes alpha equal to the trimap where that is known. A number makes it only close to it, by
                the system of Levin et al., (L + weight C) alpha = weight C trimap, where the diagonal matrix C is 1
                at known pixels; they use 100.
            options: passed to `solve`; the default tolerance is 1e-7, as in pymatting.

        Returns:
            alpha in [0, 1], (H, W).

        Raises:
            PhotostyleError: an argument does not fit these descriptions, or the trimap marks no pixel.

        Source: Levin, Lischinski, Weiss 2008.
        """
        options = {"tolerance": 1e-7, **options}
        given = to_tensor("trimap", trimap).detach()
        if tuple(given.shape) != self.size:
            raise PhotostyleError(f"`trimap` must have shape {self.size}, got {tuple(given.shape)}")
        given = self._own("trimap", given)
        if not bool(((given >= 0) & (given <= 1)).all()):
            raise PhotostyleError(
                f"`trimap` must be in [0, 1], got {given.amin().item():g} to {given.amax().item():g}"
            )
        known = (given >= 0.9) | (given <= 0.1)
        if not bool(known.any()):
            raise PhotostyleError("`trimap` must mark some pixels as foreground (1) or background (0)")
        marked = (given >= 0.9).to(given.dtype)
        if weight is None:
            alpha = self.solve(marked, known=known, **options)
        else:
            alpha = self.solve(marked * weight, known * weight, **options)
        return from_tensor(alpha.clamp(0, 1), kind(trimap) or "torch")

    def propagate(self, y: Any, strength: float = 0.9999, **options: Any) -> Any:
        """Smooth an image by propagation along the photo's affinities, the second step of FastPhotoStyle.

        This solves (I - strength D^-1/2 W D^-1/2) x = (1 - strength) y, where the diagonal matrix D has the number of
        windows over each pixel, and W = D - L. With x = D^1/2 u the system becomes (L + c D) u = c D^1/2 y with
        c = (1 - strength) / strength.

        Args:
            y: the stylised image, (..., H, W), or a vector (N,) or columns (N, C).
            strength: beta of the paper, between 0 and 1; the paper uses 0.9999.
            options: passed to `solve`; a `start` is a guess of x.

        Returns:
            x, shaped like `y`, not clamped.

        Raises:
            PhotostyleError: an argument does not fit these descriptions, or the photo is smaller than a window.

        Source: Li, Liu, Li, Yang, Kautz: *A Closed-form Solution to Photorealistic Image Stylization* (ECCV 2018),
        eq. 7.
        """
        if not isinstance(strength, numbers.Real) or not 0 < strength < 1:
            raise PhotostyleError(f"`strength` must be between 0 and 1, got {strength!r}")
        if min(self.size) < 2 * self.radius + 1:
            raise PhotostyleError(f"`image` must be at least one window in size, got {self.size}")
        values, restore = self._images("y", y)
        counts = windows_over(self.size, self.radius, self.image)
        c, root = (1 - strength) / strength, counts.sqrt()
        if options.get("start") is not None:
            options["start"] = self._images("start", options["start"])[0] / root
        return restore(self.solve(values * root * c, counts * c, **options) * root)

    def _images(self, name: str, x: Any) -> tuple[Tensor, Callable[[Tensor], Any]]:
        """Convert an argument to (C, H, W) in the image's precision; also return the inverse conversion."""
        library, value = kind(x) or "torch", self._own(name, to_tensor(name, x))
        shape, (height, width) = value.shape, self.size
        if value.dim() in (1, 2) and shape[0] == self.shape[0]:
            count = math.prod(shape[1:])
            channels = value.reshape(self.shape[0], count).T.reshape(count, height, width)
            return channels, lambda out: from_tensor(out.flatten(1).T.reshape(shape), library)
        if value.dim() >= 2 and tuple(shape[-2:]) == self.size:
            images = value.reshape(math.prod(shape[:-2]), height, width)
            return images, lambda out: from_tensor(out.reshape(shape), library)
        raise PhotostyleError(
            f"`{name}` must have shape ({self.shape[0]},), ({self.shape[0]}, C) or (..., {height}, {width}), "
            f"got {tuple(shape)}"
        )

    def _own(self, name: str, value: Tensor) -> Tensor:
        """Convert a tensor to the image's precision, after checking that it is real and on the image's device."""
        if value.device != self.image.device:
            raise PhotostyleError(f"`{name}` must be on image's device {self.image.device}, got {value.device}")
        if value.is_complex():
            raise PhotostyleError(f"`{name}` must be real, got {str(value.dtype).removeprefix('torch.')}")
        return value.to(self.image.dtype)

    def _field(self, name: str, value: Any, dtype: torch.dtype | None = None) -> Tensor:
        """Convert an argument with a number for each pixel, or one for all, to (H, W)."""
        dtype = dtype or self.image.dtype
        if value is None or isinstance(value, numbers.Real):
            return torch.full(self.size, float(value or 0), dtype=dtype, device=self.image.device)
        field = to_tensor(name, value)
        if field.numel() != self.shape[0] or tuple(field.shape) not in ((self.shape[0],), self.size):
            raise PhotostyleError(
                f"`{name}` must have shape ({self.shape[0]},) or {self.size}, got {tuple(field.shape)}"
            )
        if dtype == torch.bool and field.dtype != dtype:
            raise PhotostyleError(f"`{name}` must be bool, got {str(field.dtype).removeprefix('torch.')}")
        return self._own(name, field).reshape(self.size).to(dtype)


class _System:
    """The system (L + diag(weights)) x = b at the free pixels, with x = b at the other pixels."""

    def __init__(
        self, laplacian: MattingLaplacian, right: Tensor, weights: Tensor, free: Tensor, preconditioner: str
    ) -> None:
        self._right, self._free = right, free
        image, eps, radius = laplacian.image, laplacian.eps, laplacian.radius
        self._everywhere = bool(free.all())
        inner = right[:, free]
        if not self._everywhere:  # the products with known pixels move to the right-hand side
            known = right.masked_fill(free, 0)
            inner = inner - ops.matting_laplacian(known, image, eps=eps, radius=radius)[:, free]
        self._inner, self._steps = inner, 0
        if not inner.numel():
            return
        weight = weights[free]
        domain: Tiles | Whole
        if self._everywhere and preconditioner == "jacobi":
            domain = Whole(image, eps, radius)
        else:
            domain = Tiles(image, free, eps, radius)

        def operator(v: Tensor) -> Tensor:
            return torch.addcmul(domain.product(v), weight, v)

        self._operator = operator
        entries = (domain.diagonal() + weight).clamp(min=_FLOOR)
        self._precondition: Callable[[Tensor], Tensor] = lambda v: v / entries
        if isinstance(domain, Tiles) and preconditioner == "affine":
            affine, flat = (
                AffinePreconditioner(domain, operator, entries),
                flat_groups(image, free, weight, eps, radius),
            )
            self._precondition = affine if flat is None else lambda v: affine(v) + flat(v)

    def solve(
        self, start: Tensor | None, tolerance: float, steps: int, callback: Callable[[int, float], None]
    ) -> Tensor:
        out = self._right.clone()
        if self._inner.numel():
            out[:, self._free] = conjugate_gradients(
                self._operator,
                self._inner,
                self._precondition,
                steps=steps,
                tolerance=tolerance,
                start=None if start is None else start[:, self._free],
                systems=True,
                callback=callback,
            )
        return out
