"""Make the looks that come with the package: the colours of photos that nobody owns, for any photo.

Each look is the linear colour transfer (`color.linear`) from some everyday photos, side by side, to one photo,
at a strength at which it suits most. The photos are those that scikit-image ships, and this package's own two.
`photostyle_native/data/README.md` names their authors and licences.

    python bench/make_looks.py
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import skimage.data
import torch
from torch import Tensor

from photostyle_native import Look
from photostyle_native.color.linear import linear_mk_map
from photostyle_native.color.mixing import Mix
from photostyle_native.data import CONTENT, LOOKS, STYLE
from photostyle_native.images.photo import as_photo
from photostyle_native.images.resize import working_size

_SIDE = 240  # longest side at which the photos count, in pixels
_COLOURS = 16  # values per axis of the colours to which a look that is no linear map is fitted
_NOISE = 1e-6  # variance
_FOLDER = Path(skimage.data.__file__).parent


@dataclass(frozen=True)
class Recipe:
    """The photo that a look comes from, and how much of its change is taken."""

    photo: str | Path
    strength: float
    keep_luma: bool = False


RECIPES = {
    "airy": Recipe("ihc.png", 0.6),
    "beige": Recipe("chelsea.png", 0.7),
    "black-and-white": Recipe("camera.png", 1.0),
    "bleach": Recipe("camera.png", 0.55),
    "blue-hour": Recipe(STYLE, 0.7),
    "cold-shade": Recipe(STYLE, 0.6, keep_luma=True),
    "crisp": Recipe("astronaut.png", 0.6),
    "low-key": Recipe("hubble_deep_field.jpg", 0.6),
    "red-glow": Recipe("retina.jpg", 0.45),
    "warm-evening": Recipe("coffee.png", 0.5),
}
EVERYDAY = (CONTENT, STYLE, *(_FOLDER / f"{name}.png" for name in ("astronaut", "coffee", "chelsea")))


def small(path: str | Path) -> Tensor:
    """The pixels of a photo at the size at which it counts, (3, N)."""
    photo = as_photo(path).converted_to(None)
    return photo.tensor(working_size(photo.size, _SIDE)).flatten(1)


def everyday() -> Tensor:
    """As many pixels of each of the everyday photos, (3, N)."""
    parts = [small(path) for path in EVERYDAY]
    fewest = min(part.shape[1] for part in parts)
    return torch.cat([part[:, torch.linspace(0, part.shape[1] - 1, fewest).long()] for part in parts], 1)


def statistics(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and covariance; a little noise keeps the gain of a photo without some colours finite."""
    return pixels.double().mean(1), torch.cov(pixels.double()) + _NOISE * torch.eye(3)


def make(recipe: Recipe) -> Look:
    """The look of a recipe, which treats all places alike."""
    content, axis = everyday(), torch.linspace(0, 1, _COLOURS)
    transform, offset = linear_mk_map(*statistics(content), *statistics(small(_FOLDER / recipe.photo)))
    change = torch.cat((transform, offset[:, None]), 1).float()
    if not recipe.keep_luma:
        tone = torch.lerp(torch.eye(3, 4), change, recipe.strength).reshape(12, 1, 1, 1).expand(-1, 2, 1, 1)
        return Look(tone.contiguous(), tone.contiguous())
    # This is no linear map, so one is fitted for every brightness, to all colours that there are.
    colors = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij")).flatten(2)
    graded = (torch.einsum("cj,jhw->chw", change[:, :3], colors) + change[:, 3:, None]).clamp(0, 1)
    look = Look.fit(colors, Mix(recipe.strength, keep_luma=True)(colors, graded), cells=1)
    return replace(look, grid=look.tone, structure=None)


if __name__ == "__main__":
    LOOKS.mkdir(exist_ok=True)
    for name, recipe in RECIPES.items():
        make(recipe).save(LOOKS / f"{name}.npz")
        print(f"{LOOKS / name}.npz")
