import pytest
import torch

from photostyle_native.errors import PhotostyleError
from photostyle_native.network.mask_pyramid import mask_pyramid


def test_pyramid_counts_the_padding():
    found = mask_pyramid(torch.ones(1, 3, 3), ["conv1_1"])
    expected = torch.tensor([[[4, 6, 4], [6, 9, 6], [4, 6, 4]]]) / 9
    torch.testing.assert_close(found["conv1_1"], expected)


def test_pyramid_by_hand():
    found = mask_pyramid(torch.tensor([[[1.0, 0.0, 0.0]]]).double(), ["conv2_1", "conv1_2"])
    assert list(found) == ["conv2_1", "conv1_2"]
    # [1 0 0] -> [1 1 0]/9 -> [2 2 1]/81; centres 1/4 and 7/4 of the halved row: [2, 1.25]/81; their sum / 9
    torch.testing.assert_close(found["conv1_2"], torch.tensor([[[2.0, 2.0, 1.0]]]).double() / 81)
    torch.testing.assert_close(found["conv2_1"], torch.full((1, 1, 2), 3.25 / 729).double())


def test_pyramid_averages_at_each_of_sixteen_convolutions():
    layers = [f"conv{block}_{i}" for block, n in enumerate((2, 2, 4, 4, 4), 1) for i in range(1, n + 1)]
    found = mask_pyramid(torch.ones(1, 1, 1).double(), layers)
    assert len(layers) == 16
    for count, layer in enumerate(layers, 1):  # one pixel stays one pixel, and each average divides by nine
        assert found[layer].item() == pytest.approx(9.0**-count)


def test_pyramid_shapes_and_batches():
    stack = torch.rand(2, 3, 33, 18)
    layers = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
    found = mask_pyramid(stack, layers)
    sizes = [tuple(found[layer].shape) for layer in layers]
    assert sizes == [(2, 3, 33, 18), (2, 3, 17, 9), (2, 3, 9, 5), (2, 3, 5, 3), (2, 3, 3, 2)]
    torch.testing.assert_close(found["conv5_1"][1], mask_pyramid(stack[1], layers)["conv5_1"])


def test_pyramid_errors():
    with pytest.raises(PhotostyleError, match="conv1_1 to conv5_4, got 'relu1_1'"):
        mask_pyramid(torch.ones(1, 3, 3), ["relu1_1"])
    for bad in (torch.ones(3, 3), torch.ones(1, 3, 3, dtype=torch.bool), torch.ones(0, 3, 3)):
        with pytest.raises(PhotostyleError, match="`masks` must be floating point"):
            mask_pyramid(bad, ["conv1_1"])
