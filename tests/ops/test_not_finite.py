"""One number that is not finite spoils the windows that contain it, all of them, and no others."""

from __future__ import annotations

from collections.abc import Callable

import emulation
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle_native import ops

pytestmark = pytest.mark.kernel

Places = list[tuple[int, int]]
# For a device, and for the slow emulation of one: a size, and the pixels that are not finite. Two of them are the
# first pixels of tiles of the CPU, whose colours a kernel may take as an origin.
PICTURES: dict[bool, tuple[tuple[int, int], Places]] = {
    True: ((140, 290), [(0, 0), (64, 128), (20, 150), (130, 3)]),
    False: ((38, 41), [(0, 0), (20, 23), (36, 3)]),
}
FILTERS: dict[str, Callable[[Tensor, Tensor, int], Tensor]] = {
    "matting_laplacian": lambda x, image, radius: ops.matting_laplacian(x, image, radius=radius),
    "guided_filter": lambda x, image, radius: ops.guided_filter(x, image, radius=radius),
}


def _spread(mask: Tensor, radius: int) -> Tensor:
    return F.max_pool2d(mask[None], 2 * radius + 1, 1, radius)[0]


def _spoilt(size: tuple[int, int], places: Places, radius: int, whole: bool) -> Tensor:
    """The pixels of the windows with one of `places`; `whole`: only of windows that lie wholly inside."""
    bad = torch.zeros(1, *size)
    for y, x in places:
        bad[0, y, x] = 1
    windows = _spread(bad, radius)
    if whole:
        inside = torch.zeros_like(windows)
        inside[:, radius : size[0] - radius, radius : size[1] - radius] = 1
        windows *= inside
    return _spread(windows, radius)[0] > 0


@pytest.mark.parametrize("radius", [1, 3, 8])
@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("where", ["x", "image"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), 3e38])
def test_spoils_its_own_windows(value: float, where: str, name: str, radius: int, device: torch.device) -> None:
    size, places = PICTURES[not emulation.active()]
    if emulation.active():
        radius = min(radius, 4)  # one kernel serves all radii but 1
    x, image = torch.rand(2, *size, device=device), torch.rand(3, *size, device=device)
    clean = FILTERS[name](x, image, radius)[1].cpu()
    for row, column in places:
        (x if where == "x" else image)[-1, row, column] = value
    found = FILTERS[name](x, image, radius)[1].cpu()
    spoilt = _spoilt(size, places, radius, whole=name == "matting_laplacian")
    if value != 3e38:
        assert torch.equal(~found.isfinite(), spoilt)
    torch.testing.assert_close(found[~spoilt], clean[~spoilt], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", FILTERS)
def test_a_radius_larger_than_the_image_costs_nothing_more(name: str) -> None:
    x, image = torch.rand(1, 5, 7), torch.rand(3, 5, 7)
    assert torch.equal(FILTERS[name](x, image, 1000), FILTERS[name](x, image, 7))


def test_ridges_have_a_range() -> None:
    x, image = torch.rand(3, 6, 6), torch.rand(3, 6, 6)
    for ridge in (1e-12, 1e30):
        assert ops.matting_laplacian(x.double(), image.double(), eps=ridge).isfinite().all()
        assert ops.guided_filter(x.double(), image.double(), eps=ridge).isfinite().all()
        assert ops.fit_local_affine(x.double(), image.double(), ridge=ridge).isfinite().all()
    for wrong in (1e31, 10**400, -(10**5000)):
        with pytest.raises(ValueError, match="must be finite and from 1e-12 to 1e") as error:
            ops.matting_laplacian(x, image, eps=wrong)
        assert len(str(error.value)) < 200
