"""The colour transfers by their names. Each gives a photo the colours of another, label by label."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from .distribution import masked_idt
from .linear import masked_mk_transfer
from .reinhard import masked_reinhard
from .transport import masked_transport

# A function of content and style, (3, H, W) and (3, H', W'), and their masks, (K, H, W) and (K, H', W').
ColorMethod: TypeAlias = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]

METHODS: dict[str, ColorMethod] = {
    "reinhard": masked_reinhard,
    "mk": masked_mk_transfer,
    "idt": masked_idt,
    "transport": masked_transport,
}


def move_everywhere(method: str, content: Tensor, style: Tensor) -> Tensor:
    """Move the content's colours by the method of this name, with each photo as one region."""
    return METHODS[method](content, style, torch.ones_like(content[:1]), torch.ones_like(style[:1]))
