"""VGG-19: conventions, cut, and every way weights can come and be wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from checks import relative_error
from network.random_weights import random_weights
from torch import Tensor

from photostyle_native import PhotostyleError, load_vgg19
from photostyle_native.network.vgg19 import LAYERS


def _plain_caffe_vgg(state: Mapping[str, Tensor], image: Tensor) -> dict[str, Tensor]:
    """The network as the Caffe model defines it, step by step."""
    x = image.flip(0)[None] * 255 - torch.tensor([103.939, 116.779, 123.68])[:, None, None]
    features = {}
    for layer in LAYERS:
        x = F.relu(F.conv2d(x, state[f"{layer}.weight"], state[f"{layer}.bias"], padding=1))
        features[layer] = x[0]
        if layer in ("conv1_2", "conv2_2", "conv3_4", "conv4_4"):
            x = F.max_pool2d(x, 2, 2, ceil_mode=True)
    return features


def test_caffe_conventions(tmp_path: Path, device: torch.device) -> None:
    state = random_weights(torchvision_names=False)
    torch.save(state, tmp_path / "caffe.pth")
    image = torch.rand(3, 33, 47)  # odd sizes: ceil mode matters
    features = load_vgg19(tmp_path / "caffe.pth").to(device)(image.to(device), LAYERS)
    truth = _plain_caffe_vgg(state, image)
    assert features["conv5_1"].shape == (512, 3, 3)
    for layer in LAYERS:
        assert relative_error(features[layer], truth[layer]) <= 1e-4


def test_torchvision_normalisation(tmp_path: Path) -> None:
    state = random_weights(torchvision_names=True)
    torch.save({"state_dict": state}, tmp_path / "tv.pth")
    image = torch.rand(2, 3, 32, 40)
    net = load_vgg19(tmp_path / "tv.pth")
    normalised = (image - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor([0.229, 0.224, 0.225])[
        :, None, None
    ]
    truth = F.relu(F.conv2d(normalised, state["features.0.weight"], state["features.0.bias"], padding=1))
    assert relative_error(net(image, ("conv1_1",))["conv1_1"], truth) <= 1e-5
    assert "torchvision" in net.source
    # The same file, said to be Caffe's: another input scale.
    assert "Caffe" in load_vgg19(f"caffe:{tmp_path / 'tv.pth'}").source


def test_bad_layers_and_sizes() -> None:
    net = load_vgg19()
    with pytest.raises(PhotostyleError, match="conv9_9"):
        net(torch.rand(3, 40, 40), ("conv9_9",))
    with pytest.raises(PhotostyleError, match="at least 32 pixels"):
        net(torch.rand(3, 31, 40), ("conv1_1",))


def test_winograd_computes_the_same_network() -> None:
    vgg, image = load_vgg19(), torch.rand(2, 3, 61, 45)
    other, layers = vgg.by_winograd(), ("conv1_1", "conv1_2", "conv2_2", "conv3_4", "conv5_1")
    direct = vgg(image, layers)
    for name, features in other(image, layers).items():
        assert torch.equal(features, direct[name]) == (name == "conv1_1")
        assert relative_error(features, direct[name]) <= 1e-5
    assert torch.equal(vgg(image, layers)["conv5_1"], direct["conv5_1"])  # the network itself is as it was
    half = other.at_precision(torch.bfloat16)(image, ("conv2_2",))["conv2_2"]
    assert torch.equal(half, vgg.at_precision(torch.bfloat16)(image, ("conv2_2",))["conv2_2"])
