"""Photographic style transfer with native kernels.

`transfer` runs the whole method. `ops` holds the operators, which other projects can use on their own, and `metrics`
holds the functions that measure a result.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._version import __version__
from .errors import PhotostyleError

if TYPE_CHECKING:
    from . import metrics, ops
    from .color.look import Look
    from .evaluation.evaluator import evaluate
    from .images.photo import Photo, read_photo
    from .images.write import write_photo
    from .matting.laplacian import MattingLaplacian
    from .metrics import color_distance
    from .network.vgg19 import VGG19
    from .network.weights import load_vgg19
    from .ops.modules import LocalAffineSmoothing, MaskedGramLoss, MaskedGramMatrix, MattingLoss
    from .optimization.image_metric import ImageMetric
    from .optimization.lbfgs import LBFGS
    from .optimization.objective import Objective, Terms, Weights
    from .optimization.solver import Iteration
    from .optimization.stage import Stage
    from .pipeline.presets import PRESETS
    from .pipeline.result import TransferResult
    from .pipeline.transfer import transfer
    from .segmentation.cosegmentation import cosegment
    from .segmentation.regions import CoSegmentation

__all__ = [
    "LBFGS",
    "PRESETS",
    "VGG19",
    "CoSegmentation",
    "ImageMetric",
    "Iteration",
    "LocalAffineSmoothing",
    "Look",
    "MaskedGramLoss",
    "MaskedGramMatrix",
    "MattingLaplacian",
    "MattingLoss",
    "Objective",
    "Photo",
    "PhotostyleError",
    "Stage",
    "Terms",
    "TransferResult",
    "Weights",
    "__version__",
    "color_distance",
    "cosegment",
    "evaluate",
    "load_vgg19",
    "metrics",
    "ops",
    "read_photo",
    "transfer",
    "write_photo",
]

# The modules that define the public names. A module is imported when one of its names is first used, so that
# `photostyle --help` need not wait for torch, and `photostyle doctor` can report a missing torch or extension.
_MODULES = {
    "color.look": ("Look",),
    "evaluation.evaluator": ("evaluate",),
    "images.photo": ("Photo", "read_photo"),
    "images.write": ("write_photo",),
    "matting.laplacian": ("MattingLaplacian",),
    "metrics": ("color_distance",),
    "network.vgg19": ("VGG19",),
    "network.weights": ("load_vgg19",),
    "optimization.lbfgs": ("LBFGS",),
    "ops.modules": ("LocalAffineSmoothing", "MaskedGramLoss", "MaskedGramMatrix", "MattingLoss"),
    "optimization.image_metric": ("ImageMetric",),
    "optimization.objective": ("Objective", "Terms", "Weights"),
    "optimization.solver": ("Iteration",),
    "optimization.stage": ("Stage",),
    "pipeline.presets": ("PRESETS",),
    "pipeline.result": ("TransferResult",),
    "pipeline.transfer": ("transfer",),
    "segmentation.cosegmentation": ("cosegment",),
    "segmentation.regions": ("CoSegmentation",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in ("metrics", "ops"):
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
