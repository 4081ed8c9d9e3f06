"""torch.compile of every op: one graph for every size, and options that change from call to call."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from ops.samples import OBJECTS, PUBLIC, Row
from torch import Tensor

from photostyle_native import PhotostyleError, ops

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


@pytest.fixture(autouse=True)
def _nothing_compiled() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize("row", [*PUBLIC, *OBJECTS], ids=lambda row: row.name)
def test_one_graph_for_every_size(row: Row) -> None:
    first, second = row.sample(9, 12), row.sample(12, 15)
    compiled = torch.compile(first.function, backend="aot_eager", fullgraph=True, dynamic=True)
    for sample in (first, second):
        if row in OBJECTS and sample is second:
            continue  # an object holds tensors of one size
        torch.testing.assert_close(compiled(*sample.tensors), sample())
        leaves = sample.leaves()
        if sample.derivative:
            wanted = [leaves[i] for i in sample.derivative]
            expected, found = (
                torch.autograd.grad(function(*leaves).square().sum(), wanted)
                for function in (sample.function, compiled)
            )
            torch.testing.assert_close(found, expected)


SCHEDULES = {
    "matting_laplacian": lambda x, c, value: ops.matting_laplacian(x, c, eps=value),
    "matting_energy": lambda x, c, value: ops.matting_energy(x, c, eps=value),
    "guided_filter": lambda x, c, value: ops.guided_filter(x, c, eps=value, radius=2),
    "fit_local_affine": lambda x, c, value: ops.fit_local_affine(x, c, ridge=value),
    "smooth_local_affine": lambda x, c, value: ops.smooth_local_affine(x, c, radius=3, sigma_color=value),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_options_that_change(name: str) -> None:
    """torch.compile makes a float that changes a symbol of its graph."""
    x, content = torch.rand(3, 9, 12), torch.rand(3, 9, 12)

    def function(value: float) -> Tensor:
        return SCHEDULES[name](x, content, value)

    compiled = torch.compile(function, backend="aot_eager", fullgraph=True)
    for value in (1e-3, 1e-2, 1e-1, 0.3):
        torch.testing.assert_close(compiled(value), function(value))
    with pytest.raises((PhotostyleError, torch._dynamo.exc.Unsupported), match="must be"):
        compiled(-1.0)
