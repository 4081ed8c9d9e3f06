"""Photographic style transfer with native kernels.

`transfer` is the whole method; `ops` holds the operators that other projects can use on their own.
"""

from . import ops
from .errors import PhotostyleError
from .evaluation import evaluate
from .images import Photo, read_photo, write_photo
from .objective import Objective, Terms, Weights
from .optimizers import LBFGS
from .transfer import PRESETS, Iteration, TransferResult, transfer
from .vgg import VGG19, load_vgg19

__version__ = "0.1.0"

__all__ = [
    "LBFGS",
    "PRESETS",
    "VGG19",
    "Iteration",
    "Objective",
    "Photo",
    "PhotostyleError",
    "Terms",
    "TransferResult",
    "Weights",
    "__version__",
    "evaluate",
    "load_vgg19",
    "ops",
    "read_photo",
    "transfer",
    "write_photo",
]
