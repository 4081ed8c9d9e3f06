"""Photographic style transfer with native kernels.

`transfer` is the whole method; `ops` holds the operators that other projects can use on their own,
`metrics` what one measures results with.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .errors import PhotostyleError

if TYPE_CHECKING:
    from . import metrics, ops
    from .cosegmentation import CoSegmentation, cosegment
    from .evaluation import evaluate
    from .image_metric import ImageMetric
    from .images import Photo, read_photo, write_photo
    from .looks import Look
    from .matting import MattingLaplacian
    from .metrics import color_distance
    from .modules import LocalAffineSmoothing, MaskedGramLoss, MaskedGramMatrix, MattingLoss
    from .objective import Objective, Terms, Weights
    from .optimizers import LBFGS
    from .solver import Iteration, Stage
    from .transfer import PRESETS, TransferResult, transfer
    from .vgg import VGG19, load_vgg19

__version__ = "0.1.0"

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

# Public names by module. They are imported at first use, so that `photostyle --help` need not wait for torch and
# `photostyle doctor` can say that torch or the extension is what is missing.
_MODULES = {
    "cosegmentation": ("CoSegmentation", "cosegment"),
    "evaluation": ("evaluate",),
    "image_metric": ("ImageMetric",),
    "images": ("Photo", "read_photo", "write_photo"),
    "looks": ("Look",),
    "matting": ("MattingLaplacian",),
    "metrics": ("color_distance",),
    "modules": ("LocalAffineSmoothing", "MaskedGramLoss", "MaskedGramMatrix", "MattingLoss"),
    "objective": ("Objective", "Terms", "Weights"),
    "optimizers": ("LBFGS",),
    "solver": ("Iteration", "Stage"),
    "transfer": ("PRESETS", "TransferResult", "transfer"),
    "vgg": ("VGG19", "load_vgg19"),
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


class _Package(ModuleType):
    def __setattr__(self, name: str, value: object) -> None:
        # Importing the submodule `transfer` would put it in the place of the function of that name.
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
