"""What bench/gpu_kernels.py times: each case is one job of one size, done by us and by peers, and checked first.

Bytes are those that the job cannot avoid moving (every input once, every output once), operations those of its
arithmetic as we do it, a multiply-add counted as two.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from conftest import bands, photo
from peers import box_filter, sparse_laplacian
from torch import Tensor

from photostyle_native import ops
from photostyle_native.reference import bilateral_grid as bilateral_reference
from photostyle_native.reference import masked_gram as gram_reference

COPIES = 3  # of the data, used in turn: a GPU's cache must not hold what the next call reads
MATTING_OPERATIONS = 430  # per pixel of three channels, radius 1: csrc/matting_laplacian_cuda.cu
STYLE_LAYERS = {
    "conv1_1": (64, 1),
    "conv2_1": (128, 2),
    "conv3_1": (256, 4),
    "conv4_1": (512, 8),
    "conv5_1": (512, 16),
}


@dataclass
class Case:
    """One job: `ways` maps a name ("ours" first) to calls on each copy of the data."""

    group: str
    size: str
    bytes: float
    operations: float
    ways: dict[str, list[Callable[[], Any]]]
    missing: dict[str, str] = field(default_factory=dict)  # peers that are not here, and why


def _relative(a: Tensor, b: Tensor) -> float:
    return float((a.double() - b.double()).norm() / b.double().norm())


def _check(what: str, error: float, limit: float) -> None:
    if not error <= limit:
        raise RuntimeError(f"{what}: wrong by {error:.2e}, more than {limit:.0e}: not timed")


def matting(width: int, device: torch.device, peers: bool) -> Case:
    """Matting energy and product, three channels, guide float32."""
    height = width * 3 // 4
    image = photo(width).to(device)
    images = [image, image.flip(2).contiguous(), image.flip(1).contiguous()][:COPIES]
    xs = [torch.rand_like(image) for _ in images]
    pairs = list(zip(xs, images, strict=True))
    pixels = height * width
    energy = torch.ops.photostyle.matting_energy
    case = Case("matting energy + product", f"{width}x{height}", 36.0 * pixels, MATTING_OPERATIONS * pixels, {})
    case.ways["ours"] = [lambda x=x, i=i: energy(x, i, 1e-7, 1) for x, i in pairs]
    bytes_guides = [(i * 255).round().to(torch.uint8) for i in images]
    case.ways["ours, uint8 guide"] = [
        lambda x=x, i=i: energy(x, i, 1e-7, 1) for x, i in zip(xs, bytes_guides, strict=True)
    ]
    compiled = torch.compile(box_filter.energy_and_product, dynamic=False)
    case.ways["box filters, torch.compile, float32"] = [lambda x=x, i=i: compiled(x, i) for x, i in pairs]
    if peers:
        _add_sparse(case, pairs, device)
    return case


def _add_sparse(case: Case, pairs: list[tuple[Tensor, Tensor]], device: torch.device) -> None:
    """cuSPARSE through CuPy (torch's CSR on a CPU), with x already in the layout that it wants."""
    x, image = pairs[0]
    matrix = sparse_laplacian.csr(image)
    columns = [x.flatten(1).T.contiguous() for x, _ in pairs]
    truth = (matrix @ columns[0]).T.view_as(x)
    product = ops.matting_laplacian(x, image)
    _check("matting product against the sparse matrix", _relative(product, truth), 1e-4)
    case.ways["torch CSR int32"] = [lambda c=c: matrix @ c for c in columns]
    if device.type != "cuda":
        case.missing["cuSPARSE through CuPy"] = "no GPU"
        return
    try:
        import cupy
        from cupyx.scipy.sparse import csr_matrix
    except ImportError as error:
        case.missing["cuSPARSE through CuPy"] = str(error)
        return
    parts = (matrix.values(), matrix.col_indices(), matrix.crow_indices())
    theirs = csr_matrix(tuple(cupy.from_dlpack(p) for p in parts), shape=tuple(matrix.shape))
    dense = [cupy.from_dlpack(c) for c in columns]

    def multiply(d: Any) -> Any:
        with cupy.cuda.ExternalStream(torch.cuda.current_stream().cuda_stream):
            return theirs @ d

    case.ways["cuSPARSE through CuPy"] = [lambda d=d: multiply(d) for d in dense]


def gram(layer: str, width: int, device: torch.device, masks_count: int = 8) -> Case:
    """Masked Gram matrices forward and backward, `masks_count` disjoint masks, at one layer of VGG-19."""
    channels, stride = STYLE_LAYERS[layer]
    w, h = -(-width // stride), -(-width * 3 // 4 // stride)
    masks = bands(masks_count, h, w).to(device)
    copies = COPIES if channels * h * w < 1 << 28 else 1  # one copy of the largest is ten times the cache
    features = [torch.rand(channels, h, w, device=device) for _ in range(copies)]
    upstream = torch.rand(masks_count, channels, channels, device=device)
    forward, backward = torch.ops.photostyle.masked_gram, torch.ops.photostyle.masked_gram_backward

    def ours(f: Tensor, tf32: bool) -> tuple[Tensor, Tensor]:
        return forward(f, masks, tf32), backward(upstream, f, masks, tf32)

    def single(f: Tensor) -> tuple[Tensor, Tensor]:
        flat = f.flatten(1)
        return flat @ flat.T, upstream[0] @ flat

    def multiplied(f: Tensor) -> tuple[Tensor, Tensor]:
        weighted = (f[None] * masks[:, None]).flatten(2)
        gradient = torch.matmul(upstream + upstream.mT, weighted).view(masks_count, *f.shape)
        return weighted @ weighted.mT, (gradient * masks[:, None]).sum(0)

    pixels = h * w
    moved, operations = 12.0 * channels * pixels, 4.0 * channels**2 * pixels
    group = f"masked Gram forward + backward, {masks_count} masks"
    case = Case(group, f"{layer} at {width} px", moved, operations, {})
    small = features[0][:, : max(h // 8, 1)]
    truth = gram_reference.masked_gram(small.double(), masks[:, : small.shape[1]].double())
    _check(f"masked Gram {layer}", _relative(forward(small.contiguous(), masks[:, : small.shape[1]]), truth), 2e-6)
    _check(f"masked Gram backward {layer}", _relative(ours(features[0], False)[1], multiplied(features[0])[1]), 1e-4)
    case.ways["ours"] = [lambda f=f: ours(f, False) for f in features]
    case.ways["one unmasked product (cuBLAS or MKL), float32"] = [lambda f=f: single(f) for f in features]
    case.ways["features times masks, float32"] = [lambda f=f: multiplied(f) for f in features]
    if device.type == "cuda":
        case.ways["ours, TF32"] = [lambda f=f: ours(f, True) for f in features]
        case.ways["one unmasked product, TF32"] = [lambda f=f: _with_tf32(single, f) for f in features]
        halves = [f.bfloat16() for f in features]
        case.ways["ours, bfloat16 features"] = [lambda f=f: ours(f, False) for f in halves]
    return case


def _with_tf32(call: Callable[[Tensor], Any], f: Tensor) -> Any:
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        return call(f)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def smooth(width: int, device: torch.device) -> Case:
    """The authors' last step: fit, bilateral smoothing of the coefficients (radius 15), application."""
    height = width * 3 // 4
    content = photo(width).to(device)
    outputs = [(content * (0.7 + 0.1 * i) + 0.05).contiguous() for i in range(COPIES)]
    pixels = height * width
    case = Case("smooth local affine, radius 15", f"{width}x{height}", 36.0 * pixels, 961.0 * 38 * pixels, {})
    case.ways["ours"] = [lambda o=o: ops.smooth_local_affine(o, content) for o in outputs]
    return case


def upsample(width: int, device: torch.device) -> Case:
    """Lifting a map solved at 700 px to a photo."""
    height = width * 3 // 4
    low, large = photo(700).to(device), photo(width).to(device)
    coefs = ops.fit_local_affine(low * 0.8, low)
    case = Case(
        "upsample local affine", f"700 to {width}x{height}", 24.0 * width * height, 25.0 * 40 * width * height, {}
    )
    case.ways["ours"] = [lambda: ops.upsample_local_affine(coefs, low, large)]
    return case


def _grid_sample(grid: Tensor, at: Tensor, image: Tensor) -> Tensor:
    maps = F.grid_sample(grid[None], at, align_corners=True)[0, :, 0].unflatten(0, (3, 4))
    return (maps[:, :3] * image).sum(1) + maps[:, 3]


def bilateral(width: int, device: torch.device) -> Case:
    """Slicing a bilateral grid of 9 x 33 x 33 maps and applying them, and the gradient to the grid."""
    height = width * 3 // 4
    image = photo(width).to(device)
    images = [image, image.flip(2).contiguous(), image.flip(1).contiguous()][:COPIES]
    guides = [i.mean(0).contiguous() for i in images]
    grid, upstream = torch.randn(12, 9, 33, 33, device=device), torch.randn_like(image)
    forward = torch.ops.photostyle.slice_bilateral_grid
    backward = torch.ops.photostyle.slice_bilateral_grid_backward_grid
    y = ((torch.arange(height, device=device) + 0.5) / height * 2 - 1)[:, None].expand(height, width)
    x = ((torch.arange(width, device=device) + 0.5) / width * 2 - 1).expand(height, width)
    places = [torch.stack([x, y, g * 2 - 1], -1)[None, None] for g in guides]
    wanted = grid.clone().requires_grad_()

    def ours(g: Tensor, i: Tensor) -> tuple[Tensor, Tensor]:
        return forward(grid, g, i, False), backward(upstream, g, i, grid.shape, False)

    def theirs(at: Tensor, i: Tensor) -> tuple[Tensor, Tensor]:
        out = _grid_sample(wanted, at, i)
        return out.detach(), torch.autograd.grad(out, wanted, upstream)[0]

    pairs = list(zip(guides, images, strict=True))
    small = [t[..., : max(height // 8, 1), :] for t in (guides[0], image, upstream)]
    truth = bilateral_reference.backward_grid(small[2].double(), small[0].double(), small[1].double(), grid.shape)
    _check("gradient to the grid", _relative(backward(small[2], *small[:2], grid.shape, False), truth), 1e-6)
    for name, mine, other in zip(("slice", "gradient"), ours(*pairs[0]), theirs(places[0], image), strict=True):
        _check(f"bilateral grid, {name} against grid_sample", _relative(mine, other), 1e-4)
    pixels = height * width
    group = "bilateral grid slice + gradient to the grid"
    case = Case(group, f"{width}x{height}", 56.0 * pixels, (114.0 + 120.0) * pixels, {})
    case.ways["ours"] = [lambda g=g, i=i: ours(g, i) for g, i in pairs]
    case.ways["ours, slice only"] = [lambda g=g, i=i: forward(grid, g, i, False) for g, i in pairs]
    case.ways["grid_sample + apply"] = [lambda a=a, i=i: theirs(a, i) for a, i in zip(places, images, strict=True)]
    return case


def all_cases(device: torch.device, quick: bool) -> list[Callable[[], Case]]:
    """Makers of the cases, so that one case's data is gone before the next one's is made."""
    warnings.filterwarnings("ignore", "Sparse CSR", UserWarning)  # a beta feature of torch, said once
    if quick:
        return [
            lambda: matting(160, device, True),
            lambda: gram("conv3_1", 96, device),
            lambda: smooth(64, device),
            lambda: upsample(800, device),
            lambda: bilateral(200, device),
        ]
    return [
        *(lambda w=w: matting(w, device, w <= 1664) for w in (700, 1664, 3328)),
        *(lambda k=k, w=w: gram(k, w, device) for w in (700, 2048) for k in STYLE_LAYERS),
        lambda: smooth(700, device),
        lambda: upsample(5656, device),
        *(lambda w=w: bilateral(w, device) for w in (350, 5656)),
    ]
