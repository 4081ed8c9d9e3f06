"""The presets of a transfer, its default working sizes, and the names of the network's precisions.

Nothing here imports torch, because the command line's help reads this module.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..errors import PhotostyleError
from ..optimization.stage import Stage


@dataclass(frozen=True)
class Preset:
    """A schedule of the optimisation: where it starts, and its stages."""

    start: str  # "colour": the content with its colours moved by `method`, label by label; or "noise"
    stages: tuple[Stage, ...]
    realism: float  # how far the result goes back from the optimised picture to the colour transfer, 0 to 1
    keep_skin: float  # how much of its own hue and chroma skin keeps, 0 to 1
    auto_mask: str  # the source of masks if none are given
    about: str  # description for the command line's help
    method: str = "transport"  # of the colour transfer, a name in `color.methods.METHODS`


def _colours_only(method: str, about: str) -> Preset:
    return Preset("colour", (), 1.0, 0.5, "none", about, method)


# At realism 1/2 the result's energy is within 5 % of what it is after 80 iterations, which lower only the energy
# before, by structure that realism takes back.
_DEFAULT_STAGE = Stage("optimise", 40, metric=True, bounded=True, progress=0.015, history=40)

# The presets that `transfer` accepts, by name.
PRESETS = {
    "default": Preset(
        "colour",
        (_DEFAULT_STAGE,),
        0.5,
        0.5,
        "features",
        "from a colour transfer until progress fades, 40 iterations at most",
    ),
    "draft": Preset(
        "colour",
        (replace(_DEFAULT_STAGE, iterations=10, history=10, progress=0.0),),
        0.5,
        0.5,
        "features",
        "the default's first 10 iterations, for a quick look",
    ),
    "paper": Preset(
        "noise",
        (Stage("stylise", 1000, photo=False), Stage("photorealise", 1000)),
        0.0,
        0.0,
        "features",
        "the authors' 1000 + 1000 from noise",
    ),
    "colour": _colours_only("transport", "the colour transfer alone, in seconds and without a network"),
    "reinhard": _colours_only("reinhard", "colours only, by the means and spreads of three channels (Reinhard 2001)"),
    "mk": _colours_only("mk", "colours only, by a linear map (Monge-Kantorovitch, Pitie 2007)"),
    "idt": _colours_only("idt", "colours only, by the whole distribution, without its grain (Pitie 2007)"),
    "transport": _colours_only("transport", "the same as colour, by its method's name: mk, then a smoothed idt"),
}
# Longest side of the working size in pixels, by device. 400 keeps the default preset near half a minute on two cores.
DEFAULT_SIZES = {"cpu": 400, "cuda": 700}
PRECISIONS = ("auto", "float32", "bfloat16")


def mask_source(auto_mask: str | None, preset: str) -> str | None:
    """The source of masks that `auto_mask` names; "auto" is the preset's."""
    return PRESETS[preset].auto_mask if auto_mask == "auto" else auto_mask


def default_size(device_type: str) -> int:
    """The default working size on a type of device, "cpu" or "cuda"."""
    return DEFAULT_SIZES["cpu" if device_type == "cpu" else "cuda"]


def check_iterations(preset: str, iterations: int | None) -> None:
    """Raise PhotostyleError for a negative number, or if iterations are given and the preset optimises nothing."""
    if iterations is not None and iterations < 0:
        raise PhotostyleError(f"`iterations` must not be negative, got {iterations}")
    if iterations is not None and not PRESETS[preset].stages:
        raise PhotostyleError(f"`iterations` is for presets that optimise, and {preset} does not")


def optimises(preset: str, realism: float | None) -> bool:
    """Whether a transfer runs the preset's stages: at realism 1 they change nothing. None is the preset's realism."""
    plan = PRESETS[preset]
    return bool(plan.stages) and (plan.realism if realism is None else realism) != 1
