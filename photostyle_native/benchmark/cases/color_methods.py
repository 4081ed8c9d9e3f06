"""The colour methods by name, from one photo to another without masks, beside those of color-matcher and colortrans.

The peers compute on the CPU whatever the device, and most of them in float64.
"""

from __future__ import annotations

from functools import partial

import torch

from ...color.methods import METHODS, move_everywhere
from ...color.peers import PEERS, peer
from ..case import Case, Family, calls
from ..scenes import height_of, photo, views

_COPIES = 2
# The method that the default preset starts from is what the others are compared with.
_OURS = {name: "ours" if name == "transport" else f"ours, {name}" for name in METHODS}
WAYS = (*_OURS.values(), *PEERS)


def build(device: torch.device, width: int) -> Case:
    style = photo(width).to(device).flip(0).square()
    pairs = [(x.contiguous(), style) for x in views(photo(width).to(device), _COPIES)]
    case = Case(height_of(width) * width)
    for name in METHODS:
        case.ways[_OURS[name]] = calls(move_everywhere, [(name, *pair) for pair in pairs])
    for name, (module, _) in PEERS.items():
        case.offer(name, partial(calls, peer(name), pairs), needs=[module])
    return case


FAMILY = Family("color_methods", "Colours of one photo to another, no masks", WAYS, build)
