"""Colour transfers of other packages, as functions of two photos, to be compared with those of this one."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

PhotoMethod = Callable[[Tensor, Tensor], Tensor]

# By the name in tables: the package to import, and the method's name there.
PEERS = {
    "color-matcher reinhard": ("color_matcher", "reinhard"),
    "color-matcher mkl": ("color_matcher", "mkl"),
    "color-matcher hm-mkl-hm": ("color_matcher", "hm-mkl-hm"),
    "colortrans lhm": ("colortrans", "transfer_lhm"),
    "colortrans pccm": ("colortrans", "transfer_pccm"),
    "colortrans reinhard": ("colortrans", "transfer_reinhard"),
}


def installed(name: str) -> bool:
    """Whether the package of a name in `PEERS` is installed."""
    return importlib.util.find_spec(PEERS[name][0]) is not None


def peer(name: str) -> PhotoMethod:
    """The function of a name in `PEERS`, of content (3, H, W) and style (3, H', W'), if it is `installed`."""
    module, method = PEERS[name]
    return partial(_matched if module == "color_matcher" else _transferred, method)


def _rows(image: Tensor) -> np.ndarray:
    return np.ascontiguousarray(image.permute(1, 2, 0).clamp(0, 1).cpu().numpy())


def _planes(array: Any, scale: float) -> Tensor:
    return torch.from_numpy(np.asarray(array, np.float32) / scale).permute(2, 0, 1).clamp(0, 1).contiguous()


def _matched(method: str, content: Tensor, style: Tensor) -> Tensor:
    """A method of color-matcher (hahnec), on floats."""
    matcher = importlib.import_module("color_matcher").ColorMatcher()
    return _planes(matcher.transfer(src=_rows(content), ref=_rows(style), method=method), 1.0)


def _transferred(method: str, content: Tensor, style: Tensor) -> Tensor:
    """A method of colortrans (dstein64), on bytes."""
    function = getattr(importlib.import_module("colortrans"), method)
    content_bytes, style_bytes = ((_rows(image) * 255).round().astype(np.uint8) for image in (content, style))
    return _planes(function(content_bytes, style_bytes), 255.0)
