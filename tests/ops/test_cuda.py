"""What the CUDA kernels promise beyond right results: the same bits every time, any stream, graphs, torch.compile.

Tests that take `device` also run on the emulated GPU; the others need a real one.
"""

from __future__ import annotations

from collections.abc import Callable

import emulation
import pytest
import torch
from checks import relative_error
from emulation import EMULATED
from pictures import smooth_picture
from torch import Tensor

from photostyle_native import ops
from photostyle_native.reference import bilateral_grid as bilateral_reference
from photostyle_native.reference import guided_filter as guided_reference
from photostyle_native.reference import local_affine as affine_reference
from photostyle_native.reference import masked_gram as gram_reference
from photostyle_native.reference import matting_laplacian as matting_reference

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
cuda_devices = pytest.mark.parametrize("device", [EMULATED, pytest.param("cuda", marks=needs_gpu)], indirect=True)


class Scene:
    """One small input for every operator, of awkward size."""

    def __init__(self, device: torch.device, dtype: torch.dtype = torch.float32) -> None:
        generator = torch.Generator().manual_seed(3)

        def rand(*shape: int) -> Tensor:
            return torch.rand(*shape, generator=generator, dtype=torch.float64).to(device, dtype)

        self.image = smooth_picture(37, 53, dtype).to(device)
        self.x = rand(3, 37, 53)
        self.features = rand(70, 9, 23) - 0.5
        labels = torch.arange(9 * 23).view(9, 23) // 50
        self.masks = (labels == torch.arange(5)[:, None, None]).to(device, dtype)
        self.upstream = rand(5, 70, 70)
        self.targets = rand(5, 70, 70)
        self.scales, self.weights = rand(5), rand(5)
        self.photo = smooth_picture(90, 130).to(device)
        self.grid, self.deep_grid = rand(12, 4, 4, 6), rand(12, 40, 3, 30)
        self.guide = rand(37, 53) * 1.2 - 0.1

    def float32_only(self) -> bool:
        return self.image.dtype == torch.float32

    def operators(self) -> dict[str, tuple[Callable[[], Tensor], Callable[[], Tensor]]]:
        """Per kernel, the call and the reference in float64."""
        coefs = ops.fit_local_affine(self.x, self.image)
        image, x, features, masks = (t.double() for t in (self.image, self.x, self.features, self.masks))
        backward = torch.ops.photostyle.masked_gram_backward
        guide, grid, deep_grid = (t.double() for t in (self.guide, self.grid, self.deep_grid))
        to_grid = torch.ops.photostyle.slice_bilateral_grid_backward_grid
        to_image = torch.ops.photostyle.slice_bilateral_grid_backward_image
        to_guide = torch.ops.photostyle.slice_bilateral_grid_backward_guide

        def gram_backward() -> Tensor:
            f = features.clone().requires_grad_()
            return torch.autograd.grad(gram_reference.masked_gram(f, masks), f, self.upstream.double())[0]

        def loss() -> Tensor:
            difference = gram_reference.masked_gram(features, masks) * self.scales.double()[:, None, None]
            squares = (difference - self.targets.double()).square().sum((-2, -1))
            return (squares * self.weights.double()).sum()

        pairs = {
            "matting_laplacian": (
                lambda: ops.matting_laplacian(self.x, self.image),
                lambda: matting_reference.matting_laplacian(x, image),
            ),
            "matting_laplacian, radius 4": (
                lambda: ops.matting_laplacian(self.x, self.image, radius=4),
                lambda: matting_reference.matting_laplacian(x, image, radius=4),
            ),
            "matting_energy": (
                lambda: ops.matting_energy(self.x, self.image),
                lambda: matting_reference.matting_energy(x, image),
            ),
            "guided_filter": (
                lambda: ops.guided_filter(self.x, self.image, radius=3),
                lambda: guided_reference.guided_filter(x, image, radius=3),
            ),
            "guided_filter, radius 40": (
                lambda: ops.guided_filter(self.x, self.image, radius=40),
                lambda: guided_reference.guided_filter(x, image, radius=40),
            ),
            "masked_gram": (
                lambda: ops.masked_gram(self.features, self.masks),
                lambda: gram_reference.masked_gram(features, masks),
            ),
            "masked_gram_backward": (
                lambda: backward(self.upstream, self.features, self.masks),
                gram_backward,
            ),
            "masked_gram_loss": (
                lambda: ops.masked_gram_loss(self.features, self.masks, self.targets, self.scales, self.weights),
                loss,
            ),
            "fit_local_affine": (
                lambda: ops.fit_local_affine(self.x, self.image),
                lambda: affine_reference.fit_local_affine(x, image),
            ),
            "fit_local_affine, radius 3": (
                lambda: ops.fit_local_affine(self.x, self.image, radius=3),
                lambda: affine_reference.fit_local_affine(x, image, radius=3),
            ),
            "fit_local_affine, radius 40": (
                lambda: ops.fit_local_affine(self.x, self.image, radius=40),
                lambda: affine_reference.fit_local_affine(x, image, radius=40),
            ),
            "smooth_local_affine": (
                lambda: ops.smooth_local_affine(self.x, self.image, radius=5, sigma_color=0.05),
                lambda: affine_reference.smooth_local_affine(x, image, radius=5, sigma_space=5 / 3, sigma_color=0.05),
            ),
            "slice_bilateral_grid": (
                lambda: ops.slice_bilateral_grid(self.grid, self.guide, self.x),
                lambda: bilateral_reference.slice_bilateral_grid(grid, guide, x),
            ),
            "slice_bilateral_grid, many columns": (
                lambda: ops.slice_bilateral_grid(self.deep_grid[:, :2], self.guide, self.x),
                lambda: bilateral_reference.slice_bilateral_grid(deep_grid[:, :2], guide, x),
            ),
            "slice_bilateral_grid, 40 levels": (
                lambda: ops.slice_bilateral_grid(self.deep_grid, self.guide, self.x),
                lambda: bilateral_reference.slice_bilateral_grid(deep_grid, guide, x),
            ),
            "slice_bilateral_grid_backward_grid": (
                lambda: to_grid(self.image, self.guide, self.x, self.grid.shape, False),
                lambda: bilateral_reference.backward_grid(image, guide, x, self.grid.shape),
            ),
            "slice_bilateral_grid_backward_grid, 40 levels": (
                lambda: to_grid(self.image, self.guide, self.x, self.deep_grid.shape, False),
                lambda: bilateral_reference.backward_grid(image, guide, x, self.deep_grid.shape),
            ),
            "slice_bilateral_grid_backward_image": (
                lambda: to_image(self.image, self.grid, self.guide, False),
                lambda: bilateral_reference.backward_image(image, grid, guide),
            ),
            "slice_bilateral_grid_backward_guide": (
                lambda: to_guide(self.image, self.grid, self.guide, self.x),
                lambda: bilateral_reference.backward_guide(image, grid, guide, x),
            ),
        }
        if self.float32_only():
            pairs["upsample_local_affine"] = (
                lambda: ops.upsample_local_affine(coefs, self.image, self.photo),
                lambda: affine_reference.upsample_local_affine(coefs.double(), image, self.photo.double()),
            )
        return pairs


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_every_kernel_once(dtype: torch.dtype, device: torch.device) -> None:
    """Small and complete: bench/gpu.sh runs it under each tool of compute-sanitizer."""
    tolerance = 1e-5 if dtype == torch.float32 else 1e-11
    for name, (call, truth) in Scene(device, dtype).operators().items():
        assert relative_error(call(), truth()) <= tolerance, name


@cuda_devices
def test_the_same_bits_every_time(device: torch.device, request: pytest.FixtureRequest) -> None:
    emulated = device.type == "cpu"
    operators = Scene(device).operators()
    first = {name: call() for name, (call, _) in operators.items()}
    for run in range(4 if emulated else 20):
        if emulated:  # threads in another order, as on a busy GPU
            emulation.module().set_order(["reverse", "forward", "shuffled", "shuffled"][run], run)
        for name, (call, _) in operators.items():
            assert torch.equal(call(), first[name]), name


@cuda_devices
@pytest.mark.parametrize("capability", [75, 80])
def test_older_gpus_use_other_instructions(
    capability: int, device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    if device.type != "cpu":
        pytest.skip("the capability of a real device is what it is")
    emulation.use(monkeypatch, capability=capability)
    for dtype in (torch.float32, torch.float64):
        for name, (call, truth) in Scene(device, dtype).operators().items():
            assert relative_error(call(), truth()) <= 1e-5, name


@cuda_devices
def test_tf32_is_an_option(device: torch.device) -> None:
    scene = Scene(device)
    truth = gram_reference.masked_gram(scene.features.double(), scene.masks.double())
    exact = relative_error(ops.masked_gram(scene.features, scene.masks), truth)
    rounded = relative_error(ops.masked_gram(scene.features, scene.masks, tf32=True), truth)
    assert exact <= 1e-6
    assert rounded <= 1e-3
    if device.type == "cpu" or torch.cuda.get_device_capability(device)[0] >= 8:
        assert rounded > 3 * exact  # it was really rounded


@cuda_devices
@pytest.mark.parametrize("capability", [75, 90])
@pytest.mark.parametrize("tf32", [False, True])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32], ids=str)
def test_types_of_features(
    dtype: torch.dtype, tf32: bool, capability: int, device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    if device.type == "cpu":
        emulation.use(monkeypatch, capability=capability)
    elif capability == 75:
        pytest.skip("the capability of a real device is what it is")
    scene = Scene(device)
    features = scene.features.to(dtype).requires_grad_()
    exact = features.detach().double().requires_grad_()
    masks = scene.masks * 0.7
    gram = ops.masked_gram(features, masks, tf32=tf32)
    truth = gram_reference.masked_gram(exact, masks.double())
    (gradient,) = torch.autograd.grad(gram, features, scene.upstream)
    (expected,) = torch.autograd.grad(truth, exact, scene.upstream.double())
    # Half types are exact in TF32; the weights are not, nor the sums of D with tf32=True. Then the output is rounded.
    assert relative_error(gram, truth) <= (1e-3 if tf32 else 1e-6)
    output = {torch.bfloat16: 2e-3, torch.float16: 3e-4, torch.float32: 0.0}[dtype]
    assert relative_error(gradient, expected) <= (1e-3 if tf32 else 1e-6) + output


@cuda_devices
@pytest.mark.parametrize("channels", [1, 2, 4])
@pytest.mark.parametrize("radius", [1, 2])
def test_a_guide_of_bytes(radius: int, channels: int, device: torch.device) -> None:
    image = (smooth_picture(33, 47) * 255).round().to(torch.uint8).to(device)
    x = torch.rand(channels, 33, 47, device=device)
    truth = matting_reference.matting_laplacian(x.double(), image.double() / 255, radius=radius)
    assert relative_error(ops.matting_laplacian(x, image, radius=radius), truth) <= 1e-6


@needs_gpu
def test_a_second_stream() -> None:
    device = torch.device("cuda")
    scene = Scene(device)
    expected = {name: call() for name, (call, _) in scene.operators().items()}
    clean = [t.clone() for t in (scene.x, scene.features)]
    scene.x.fill_(float("nan"))
    scene.features.fill_(float("nan"))
    torch.cuda.synchronize()
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        torch.cuda._sleep(20_000_000)  # the data arrives late, on this stream only
        scene.x.copy_(clean[0])
        scene.features.copy_(clean[1])
        results = {name: call() for name, (call, _) in scene.operators().items()}
    side.synchronize()
    for name, result in results.items():
        assert torch.equal(result, expected[name]), name


@needs_gpu
def test_capture_and_replay() -> None:
    device = torch.device("cuda")
    scene, other = Scene(device), Scene(device)
    scene.x.requires_grad_()
    scene.features.requires_grad_()

    def step() -> tuple[Tensor, ...]:
        loss = ops.masked_gram_loss(scene.features, scene.masks, scene.targets, scene.scales, scene.weights)
        energy = ops.matting_energy(scene.x, scene.image)
        return loss, energy, *torch.autograd.grad(loss + energy, (scene.x, scene.features))

    warm = torch.cuda.Stream()
    with torch.cuda.stream(warm):
        step()
    warm.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = step()
    with torch.no_grad():
        scene.x.copy_(other.x.flip(-1))
        scene.features.copy_(other.features.flip(-1))
    graph.replay()
    for result, expected in zip(captured, step(), strict=True):
        assert torch.equal(result, expected)
    captured_all = {}
    operators = Scene(device).operators()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for name, (call, _) in operators.items():
            captured_all[name] = call()
    graph.replay()
    for name, (call, _) in operators.items():
        assert torch.equal(captured_all[name], call()), name


@needs_gpu
def test_torch_compile() -> None:
    scene = Scene(torch.device("cuda"))
    scene.x.requires_grad_()

    def energy(x: Tensor) -> Tensor:
        return (
            ops.matting_energy(x * 2, scene.image)
            + ops.masked_gram(x, scene.masks[:1, :1, :1].expand(1, 37, 53)).sum()
        )

    compiled = torch.compile(energy, fullgraph=True)
    expected, result = energy(scene.x), compiled(scene.x)
    torch.testing.assert_close(result, expected)
    torch.testing.assert_close(
        torch.autograd.grad(result, scene.x)[0], torch.autograd.grad(expected, scene.x)[0], rtol=1e-4, atol=1e-5
    )


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_the_device_of_the_tensors_counts() -> None:
    second = Scene(torch.device("cuda", 1))
    for name, (call, truth) in second.operators().items():
        result = call()
        assert result.device == second.x.device
        assert relative_error(result, truth()) <= 1e-5, name
