"""Random calls of every op: the reference's result, or an exception in words; a crash is neither."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from fuzz.budget import fuzzed
from hypothesis import strategies as st
from ops.samples import FLOAT, PUBLIC, Row
from torch import Tensor

from photostyle_native import PhotostyleError, ops

_OPTIONS = ("eps", "radius", "ridge", "patch_radius", "sigma_space", "sigma_color")
_VALUES = st.one_of(
    st.sampled_from(
        [0, 1, 2, 3, -1, 1000, 1001, 10**400, True, None, "1", math.nan, math.inf, -math.inf, 1e-300, 1e300]
    ),
    st.floats(),
    st.integers(-(2**70), 2**70),
)
_DTYPES = st.sampled_from([torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.uint8, torch.bool])
_LEVELS = st.sampled_from([0.0, 1.0, 255.0, -1.0, 1e-30, 1e30, math.nan, math.inf])


@fuzzed(
    250,
    row=st.sampled_from(PUBLIC),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    threads=st.integers(1, 3),
    seed=st.integers(0, 1000),
)
def test_any_size_gives_what_the_reference_gives(row: Row, height: int, width: int, threads: int, seed: int) -> None:
    torch.manual_seed(seed)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        sample = row.sample(height, width)
        try:
            result = sample()
        except PhotostyleError:
            return  # some ops need more pixels
        if sample.reference is not None:
            scale = float(sample.truth().abs().max()) + 1e-3
            torch.testing.assert_close(result.double(), sample.truth(), rtol=2e-3, atol=2e-4 * scale)
    finally:
        torch.set_num_threads(before)


def _changed(draw: Any, value: Tensor) -> Any:
    """A tensor with another type, shape, layout, or with values that are not usual."""
    how = draw(st.sampled_from(["same", "dtype", "shape", "layout", "level", "empty", "not a tensor"]))
    if how == "dtype":
        return value.to(draw(_DTYPES))
    if how == "shape":
        shape = draw(st.lists(st.integers(0, 9), max_size=5))
        return torch.zeros(shape, dtype=value.dtype)
    if how == "layout" and value.dim() >= 2:
        return draw(st.sampled_from([value.mT, value[..., ::2], value.expand(2, *value.shape), value[..., :0]]))
    if how == "level":
        changed = value.clone()
        changed.flatten()[draw(st.integers(0, max(0, value.numel() - 1)))] = 0
        return torch.full_like(value, draw(_LEVELS)) if draw(st.booleans()) else changed
    if how == "empty":
        return value.new_empty(*value.shape[:-1], 0)
    if how == "not a tensor":
        return draw(st.sampled_from([None, 1.0, [[1.0]], "image"]))
    return value


@fuzzed(500, row=st.sampled_from(PUBLIC), data=st.data())
def test_any_arguments_give_a_result_or_an_exception(row: Row, data: st.DataObject) -> None:
    sample = row.sample(data.draw(st.integers(1, 12)), data.draw(st.integers(1, 12)), dtype=FLOAT)
    arguments = [_changed(data.draw, value) for value in sample.tensors]
    names = data.draw(st.lists(st.sampled_from(_OPTIONS), max_size=2, unique=True))
    options = {name: data.draw(_VALUES) for name in names}
    function = getattr(ops, row.op_name)
    try:
        result = function(*arguments, **row.options | options)
    except (PhotostyleError, NotImplementedError) as error:
        message = str(error)
    except TypeError as error:
        message = str(error)
        if "unexpected keyword argument" not in message:  # an option that the op does not have
            raise
    else:
        assert isinstance(result, Tensor)
        return
    assert message
    assert "\n" not in message


@pytest.mark.parametrize("row", PUBLIC, ids=lambda row: row.name)
def test_a_whole_image_of_one_level_is_no_special_case(row: Row) -> None:
    sample = row.sample(9, 11)
    for level in (0.0, 1.0, 255.0, 1e-30):
        result = row.sample(9, 11).function(
            *(torch.full_like(t, level) if t.is_floating_point() else t for t in sample.tensors)
        )
        assert bool(result.isfinite().all())
