"""The metric of pictures: a linear operator whose properties the optimiser relies on."""

from __future__ import annotations

import pytest
import torch
from scipy.fft import dctn, idctn

from photostyle_native.optimization.image_metric import ImageMetric

SIZES = [(1, 1), (2, 5), (31, 48)]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_is_self_adjoint_and_positive(height: int, width: int) -> None:
    metric = ImageMetric(height, width)
    a, b = torch.randn(2, 3, height, width)
    left, right = float((metric(a) * b).double().sum()), float((a * metric(b)).double().sum())
    assert left == pytest.approx(right, rel=1e-4, abs=1e-4)
    assert float((metric(a) * a).sum()) > 0


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_is_what_a_cosine_transform_by_others_says(height: int, width: int) -> None:
    v = torch.randn(1, height, width, dtype=torch.float64).expand(3, -1, -1)  # grey: chroma has no part in it
    y, x = (torch.arange(n, dtype=torch.float64) / (2 * n) for n in (height, width))
    frequency = torch.hypot(y[:, None], x)
    gain = torch.sqrt(1 / (1 + 256 * frequency))
    gain /= gain[-1, -1].clone()
    spectrum = dctn(v.numpy(), axes=(1, 2), norm="ortho") * gain.numpy()
    expected = torch.from_numpy(idctn(spectrum, axes=(1, 2), norm="ortho"))
    torch.testing.assert_close(ImageMetric(height, width)(v.float()).double(), expected, rtol=1e-4, atol=1e-4)


def test_prefers_what_is_broad_and_chroma() -> None:
    metric = ImageMetric(32, 32)
    flat, fine = torch.ones(3, 32, 32), torch.ones(3, 32, 32)
    fine[:, ::2] = -1
    assert float(metric(flat).norm() / flat.norm()) > 5 * float(metric(fine).norm() / fine.norm())
    red_green = flat * torch.tensor([1.0, -1.0, 0.0]).view(3, 1, 1)
    grey = float(metric(flat).norm() / flat.norm())
    assert float(metric(red_green).norm() / red_green.norm()) == pytest.approx(1.4 * grey, rel=1e-4)
