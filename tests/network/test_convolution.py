"""Convolutions of the network: the call of cuDNN gives what torch's own operations give, and so do its gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from checks import relative_error
from torch import Tensor

from photostyle_native import VGG19
from photostyle_native.network import convolution
from photostyle_native.network.convolution import convolution_relu, convolution_relu_pool
from photostyle_native.network.vgg19 import LAYERS

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def _plain(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.relu(F.conv2d(x, weight, bias, padding=1))


def _problem(channels: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    x = torch.randn(2, channels, 9, 7, dtype=dtype)
    return x, torch.randn(16, channels, 3, 3, dtype=dtype) / 3, torch.randn(16, dtype=dtype)


@pytest.fixture
def cudnn_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Tensor, Tensor]]:
    """cuDNN's functions, made of torch's, and what the forward ones are called with."""
    seen = []

    def fake(
        x: Tensor, weight: Tensor, bias: Tensor, stride: Any, padding: Any, dilation: Any, groups: int
    ) -> Tensor:
        seen.append((x, weight))
        return F.conv2d(x, weight, bias, stride, padding, dilation, groups).relu()

    def convolution_of(x: Tensor, weight: Tensor, padding: Any, stride: Any, dilation: Any, *options: Any) -> Tensor:
        assert options == (1, False, True, False)  # one group, no tuning, deterministic, no TF32
        seen.append((x, weight))
        return F.conv2d(x, weight, None, stride, padding, dilation)

    def transposed(
        x: Tensor, weight: Tensor, padding: Any, output_padding: Any, stride: Any, dilation: Any, *options: Any
    ) -> Tensor:
        assert options == (1, False, True, False)
        return F.conv_transpose2d(x, weight, None, stride, padding, output_padding, 1, dilation)

    monkeypatch.setattr(torch, "cudnn_convolution", convolution_of)
    monkeypatch.setattr(torch, "cudnn_convolution_transpose", transposed)
    monkeypatch.setattr(torch, "cudnn_convolution_relu", fake)
    monkeypatch.setattr(convolution, "_by_cudnn", lambda _: True)
    return seen


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("channels", [3, 8, 13])
def test_values_and_gradients(
    channels: int, dtype: torch.dtype, cudnn_on_the_cpu: list[tuple[Tensor, Tensor]]
) -> None:
    x, weight, bias = _problem(channels, dtype)
    x.requires_grad_()
    ours, plain = convolution_relu(x, weight, bias), _plain(x, weight, bias)
    torch.testing.assert_close(ours, plain)
    upstream = torch.randn_like(plain)
    torch.testing.assert_close(*(torch.autograd.grad(out, x, upstream)[0] for out in (ours, plain)))
    ((seen, seen_weight),) = cudnn_on_the_cpu
    assert seen.shape[1] == seen_weight.shape[1] == -(-channels // 8) * 8
    assert seen.is_contiguous(memory_format=torch.channels_last)
    assert seen_weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.usefixtures("cudnn_on_the_cpu")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("channels", [3, 8])
def test_with_pooling(channels: int, dtype: torch.dtype) -> None:
    x, weight, bias = _problem(channels, dtype)
    x.requires_grad_()
    ours, plain = convolution_relu_pool(x, weight, bias), F.max_pool2d(_plain(x, weight, bias), 2, 2, ceil_mode=True)
    torch.testing.assert_close(ours, plain)
    upstream = torch.randn_like(plain)
    torch.testing.assert_close(*(torch.autograd.grad(out, x, upstream)[0] for out in (ours, plain)))


@pytest.mark.usefixtures("cudnn_on_the_cpu")
def test_second_derivatives() -> None:
    x, weight, bias = _problem(8)
    assert torch.autograd.gradgradcheck(lambda x: convolution_relu(x, weight, bias) ** 2, x.requires_grad_())


@pytest.mark.usefixtures("cudnn_on_the_cpu")
def test_the_network_is_the_same_either_way(vgg: VGG19) -> None:
    image = torch.rand(3, 37, 50)
    found = vgg(image, LAYERS)
    for layer, features in found.items():
        assert features.movedim(0, -1).is_contiguous(), layer  # channels innermost, so that no kernel transposes
    convolution._by_cudnn = lambda _: False  # type: ignore[assignment]  # the fixture restores it
    for layer, features in vgg(image, LAYERS).items():
        assert relative_error(found[layer], features) <= 1e-5, layer


@pytest.mark.kernel
@needs_gpu
@pytest.mark.parametrize(("dtype", "limit"), [(torch.float32, 2e-5), (torch.bfloat16, 3e-2)], ids=str)
def test_on_a_cuda_gpu(dtype: torch.dtype, limit: float, vgg: VGG19) -> None:
    """Against the CPU in float32; TF32, which torch allows in convolutions, would have an error of 1e-3."""
    here, there = torch.rand(3, 61, 90).requires_grad_(), vgg.to("cuda").at_precision(dtype)
    try:
        image = here.detach().cuda().requires_grad_()
        layers = ("conv1_1", "conv4_2", "conv5_1")
        features = there(image, layers)
        for layer in layers:
            assert features[layer].movedim(0, -1).is_contiguous(), layer
        (gradient,) = torch.autograd.grad(features["conv5_1"].float().square().sum(), image)
    finally:
        vgg.to("cpu")
    truth = vgg(here, layers)
    for layer in layers:
        assert relative_error(features[layer], truth[layer]) <= limit, layer
    (expected,) = torch.autograd.grad(truth["conv5_1"].square().sum(), here)
    # Where rounding decides a maximum or a sign, the gradient goes another way.
    assert relative_error(gradient, expected) <= limit * (100 if dtype == torch.float32 else 10)
    assert vgg.conv1_2_weight.is_contiguous()


@pytest.mark.kernel
@needs_gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_memory_full_of_nan_does_not_show(dtype: torch.dtype) -> None:
    """The fused call allocates what it does not write first."""
    x, weight, bias = (t.cuda() for t in _problem(16, dtype))
    expected = convolution_relu(x, weight, bias).clone()
    filled = [torch.full((n,), float("nan"), dtype=dtype, device="cuda") for n in (1 << k for k in range(4, 20))]
    del filled
    assert torch.equal(convolution_relu(x, weight, bias), expected)
    assert bool(expected.isfinite().all())
