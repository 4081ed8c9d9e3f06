"""What the CUDA kernels promise beyond right results: the same bits every time, any stream, graphs, torch.compile.

Tests that take `device` also run on the emulated GPU; the others need a real one.
"""

from __future__ import annotations

import emulation
import pytest
import torch
from checks import relative_error
from emulation import EMULATED
from ops.samples import OPS, VARIANTS, Sample, tensors
from pictures import smooth_picture
from torch import Tensor

from photostyle_native import ops
from photostyle_native.reference import masked_gram as gram_reference
from photostyle_native.reference import matting_laplacian as matting_reference

pytestmark = pytest.mark.kernel

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
cuda_devices = pytest.mark.parametrize("device", [EMULATED, pytest.param("cuda", marks=needs_gpu)], indirect=True)


def _samples(device: torch.device, dtype: torch.dtype = torch.float32) -> dict[str, Sample]:
    """A small call of awkward size for every kernel, by the name of its row."""
    samples = {}
    for row in (*OPS, *VARIANTS):
        if dtype in row.dtypes:
            size = (9, 23) if "features" in row.tensor_names else (37, 53)
            samples[row.name] = row.sample(*size, device=device, dtype=dtype, channels=70, labels=5)
    return samples


def _features_and_masks(device: torch.device) -> tuple[Tensor, Tensor]:
    """Features of 70 channels, and five masks that share out their pixels."""
    labels = torch.arange(9 * 23).view(9, 23) // 50
    masks = labels == torch.arange(5)[:, None, None]
    return torch.rand(70, 9, 23).to(device) - 0.5, masks.float().to(device)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_every_kernel_once(dtype: torch.dtype, device: torch.device) -> None:
    """Small and complete: bench/gpu.sh runs it under each tool of compute-sanitizer."""
    tolerance = 1e-5 if dtype == torch.float32 else 1e-11
    for name, sample in _samples(device, dtype).items():
        assert relative_error(sample(), sample.truth()) <= tolerance, name


@cuda_devices
def test_the_same_bits_every_time(device: torch.device, request: pytest.FixtureRequest) -> None:
    emulated = device.type == "cpu"
    samples = _samples(device)
    first = {name: sample() for name, sample in samples.items()}
    for run in range(2 if emulated else 20):
        if emulated:  # threads in another order, as on a busy GPU; the first was shuffled
            emulation.module().set_order(["reverse", "forward"][run], run)
        for name, sample in samples.items():
            assert torch.equal(sample(), first[name]), name


@cuda_devices
@pytest.mark.parametrize("capability", [75, 80])
def test_older_gpus_use_other_instructions(
    capability: int, device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    if device.type != "cpu":
        pytest.skip("the capability of a real device is what it is")
    emulation.use(monkeypatch, capability=capability)
    for dtype in (torch.float32, torch.float64):
        for name, sample in _samples(device, dtype).items():
            assert relative_error(sample(), sample.truth()) <= 1e-5, name


@cuda_devices
def test_tf32_is_an_option(device: torch.device) -> None:
    features, masks = _features_and_masks(device)
    truth = gram_reference.masked_gram(features.double(), masks.double())
    exact = relative_error(ops.masked_gram(features, masks), truth)
    rounded = relative_error(ops.masked_gram(features, masks, tf32=True), truth)
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
    features, masks = _features_and_masks(device)
    features, masks = features.to(dtype).requires_grad_(), masks * 0.7
    exact = features.detach().double().requires_grad_()
    gram = ops.masked_gram(features, masks, tf32=tf32)
    truth = gram_reference.masked_gram(exact, masks.double())
    upstream = torch.rand_like(gram)
    (gradient,) = torch.autograd.grad(gram, features, upstream)
    (expected,) = torch.autograd.grad(truth, exact, upstream.double())
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
    samples = _samples(torch.device("cuda"))
    expected = {name: sample() for name, sample in samples.items()}
    late = [sample.tensors[0] for sample in samples.values()]
    clean = [t.clone() for t in late]
    for t in late:
        t.fill_(float("nan"))
    torch.cuda.synchronize()
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        torch.cuda._sleep(20_000_000)  # the data arrives late, on this stream only
        for t, value in zip(late, clean, strict=True):
            t.copy_(value)
        results = {name: sample() for name, sample in samples.items()}
    side.synchronize()
    for name, result in results.items():
        assert torch.equal(result, expected[name]), name


@needs_gpu
def test_capture_and_replay() -> None:
    made = tensors(37, 53, device="cuda", channels=70, labels=5)
    data = made["x"], made["features"]

    def step() -> tuple[Tensor, ...]:
        x, features = (
            t.detach().requires_grad_() for t in data
        )  # autograd ties a leaf to the stream of its first use
        loss = ops.masked_gram_loss(features, *(made[n] for n in ("masks", "targets", "scales", "weights")))
        energy = ops.matting_energy(x, made["image"])
        return loss, energy, *torch.autograd.grad(loss + energy, (x, features))

    warm = torch.cuda.Stream()
    with torch.cuda.stream(warm):
        step()
    warm.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = step()
    with torch.no_grad():
        for t in data:
            t.copy_(t.flip(-1))
    graph.replay()
    for result, expected in zip(captured, step(), strict=True):
        assert torch.equal(result, expected)
    captured_all = {}
    samples = _samples(torch.device("cuda"))
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for name, sample in samples.items():
            captured_all[name] = sample()
    graph.replay()
    for name, sample in samples.items():
        assert torch.equal(captured_all[name], sample()), name


@needs_gpu
def test_torch_compile() -> None:
    made = tensors(37, 53, device="cuda")
    x = made["x"].requires_grad_()

    def energy(x: Tensor) -> Tensor:
        return ops.matting_energy(x * 2, made["image"]) + ops.masked_gram(x, torch.ones_like(x[:1])).sum()

    compiled = torch.compile(energy, fullgraph=True)
    expected, result = energy(x), compiled(x)
    torch.testing.assert_close(result, expected)
    torch.testing.assert_close(
        torch.autograd.grad(result, x)[0], torch.autograd.grad(expected, x)[0], rtol=1e-4, atol=1e-5
    )


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_the_device_of_the_tensors_counts() -> None:
    second = torch.device("cuda", 1)
    for name, sample in _samples(second).items():
        result = sample()
        assert result.device == second
        assert relative_error(result, sample.truth()) <= 1e-5, name
