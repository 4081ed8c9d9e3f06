"""Arrays of other libraries: the same numbers, the same memory, and clear errors."""

from __future__ import annotations

import contextlib
import functools
import gc
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from ops.samples import PUBLIC, WITH_CHANNELS, Row
from optional_packages import need
from pictures import smooth_picture
from torch import Tensor

from photostyle_native import MattingLaplacian, PhotostyleError, ops
from photostyle_native.ops import _backend, arrays

H, W = 8, 11


ROWS = pytest.mark.parametrize("row", sorted(PUBLIC, key=lambda row: row.name), ids=lambda row: row.name)


def _read_only(value: Tensor) -> np.ndarray:
    array = value.numpy().copy()
    array.flags.writeable = False
    return array


@functools.cache
def _jax() -> Any:
    return need("jax.numpy")


@ROWS
@pytest.mark.parametrize("library", ["numpy", "numpy read-only", "jax"])
def test_same_numbers_of_the_same_library(row: Row, library: str) -> None:
    sample = row.sample(H, W)
    tensors, expected = sample.tensors, sample()
    if library == "jax":
        given, want = [_jax().asarray(t.numpy()) for t in tensors], type(_jax().zeros(1))
    else:
        given, want = [_read_only(t) if "only" in library else t.numpy() for t in tensors], np.ndarray
    result = sample.function(*given)
    assert type(result) is want
    assert np.array_equal(np.asarray(result), expected.numpy())


@pytest.mark.parametrize("library", ["numpy", "numpy read-only", "jax"])
def test_nothing_is_copied(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, int] = {}

    def function(x: Tensor) -> Tensor:
        seen["in"], seen["out"] = x.data_ptr(), (result := x * 2).data_ptr()
        seen["alive"] = result  # type: ignore[assignment]
        return result

    wrapped = arrays.any_array(function)
    if library == "jax":
        given = _jax().ones((H, W))
        result = wrapped(given)
        addresses = given.unsafe_buffer_pointer(), result.unsafe_buffer_pointer()
    else:
        given = _read_only(torch.ones(H, W)) if "only" in library else np.ones((H, W), np.float32)
        result = wrapped(given)
        addresses = given.ctypes.data, result.ctypes.data
    assert (seen["in"], seen["out"]) == addresses
    assert float(result[0, 0]) == 2


@pytest.mark.parametrize("library", ["torch", "numpy", "jax"])
def test_the_kernel_works_on_the_callers_memory(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    launch, seen = _backend.launch, []

    def watch(name: str, device: torch.device, **fields: Any) -> None:
        seen.append([value.data_ptr() for value in fields.values() if isinstance(value, Tensor)])
        launch(name, device, **fields)

    monkeypatch.setattr(_backend, "launch", watch)
    make: Callable[[Tensor], Any] = {"torch": Tensor.clone, "numpy": lambda t: t.numpy().copy()}.get(
        library, lambda t: _jax().asarray(t.numpy())
    )

    def address(array: Any) -> int:
        if library == "numpy":
            return int(array.ctypes.data)
        return int(array.data_ptr() if library == "torch" else array.unsafe_buffer_pointer())

    x, image = make(torch.rand(3, H, W)), make(smooth_picture(H, W))
    result = ops.matting_laplacian(x, image)
    assert seen == [[address(image), address(x), address(result)]]


@pytest.mark.parametrize("transform", ["jit", "grad", "vmap"])
def test_what_jax_traces_is_an_error(transform: str) -> None:
    jax, image = need("jax"), smooth_picture(H, W).numpy()
    given = _jax().ones((2, 3, H, W) if transform == "vmap" else (3, H, W))
    for call in (
        lambda x: ops.matting_energy(x, image),
        lambda x: ops.matting_energy(image, x),
        lambda x: (MattingLaplacian(image) @ x).sum(),
    ):
        with pytest.raises(PhotostyleError, match=r"`(x|image)` must be an array, got a JAX tracer: .*pure_callback"):
            getattr(jax, transform)(call)(given)


def test_jax_calls_it_back_from_compiled_code() -> None:
    jax, image = need("jax"), smooth_picture(H, W).numpy()

    def product(x: Any) -> np.ndarray:
        return ops.matting_laplacian(np.asarray(x), image)

    @jax.jit
    def compiled(x: Any) -> Any:
        return jax.pure_callback(product, jax.ShapeDtypeStruct(x.shape, x.dtype), x) * 2

    x = torch.rand(3, H, W)
    expected = 2 * ops.matting_laplacian(x, torch.from_numpy(image))
    assert np.array_equal(np.asarray(compiled(_jax().asarray(x.numpy()))), expected.numpy())


def test_jax_arrays_stay_as_they_are_and_may_be_dropped() -> None:
    jnp = _jax()
    x, image = torch.rand(3, H, W), smooth_picture(H, W)
    theirs = jnp.asarray(x.numpy()) * 1  # may still be being computed
    laplacian = MattingLaplacian(jnp.asarray(image.numpy()))
    result = laplacian @ theirs
    assert np.array_equal(np.asarray(theirs), x.numpy())
    del theirs
    gc.collect()
    assert np.array_equal(
        np.asarray(laplacian @ result), (MattingLaplacian(image) @ (MattingLaplacian(image) @ x)).numpy()
    )
    features = jnp.asarray(torch.rand(4, H, W).numpy()).astype(jnp.bfloat16)
    masks = jnp.ones((2, H, W))
    gram = ops.masked_gram(features, masks)
    assert gram.dtype == jnp.float32
    narrow = torch.from_numpy(np.array(features.astype(jnp.float32))).bfloat16()
    assert np.array_equal(np.asarray(gram), ops.masked_gram(narrow, torch.ones(2, H, W)).numpy())


def test_pictures_without_pixels() -> None:
    for empty in (np.zeros((3, 0, 4), np.float32), _jax().zeros((3, 0, 4))):
        result = ops.matting_laplacian(empty, empty)
        assert type(result) is type(empty)
        assert result.shape == (3, 0, 4)


def test_cupy_arrays_are_worked_on_in_cupys_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a GPU: CuPy and the streams are stand-ins, and what is looked at is which stream the op ran under."""
    current: list[Any] = []

    class Array:
        device = SimpleNamespace(id=0)

        def __init__(self, value: Tensor) -> None:
            self.value = value

        def __dlpack__(self, **options: Any) -> Any:
            return self.value.__dlpack__(**options)

        def __dlpack_device__(self) -> Any:
            return self.value.__dlpack_device__()

    @contextlib.contextmanager
    def use(stream: Any) -> Iterator[None]:
        current.append(stream)
        yield
        current.pop()

    theirs = SimpleNamespace(ptr=0)
    cuda = SimpleNamespace(Device=lambda _: contextlib.nullcontext(), get_current_stream=lambda: theirs)
    Array.__module__ = "cupy"
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=cuda, from_dlpack=Array))
    monkeypatch.setattr(torch.cuda, "ExternalStream", lambda address, device: (address, device))
    monkeypatch.setattr(torch.cuda, "default_stream", lambda device: ("default", device))
    monkeypatch.setattr(torch.cuda, "stream", use)
    seen: list[Any] = []

    def function(x: Tensor) -> Tensor:
        seen.append(current[-1])
        return x + 1

    wrapped = arrays.any_array(function)
    for pointer, expected in ((0, ("default", 0)), (77, (77, 0))):
        theirs.ptr = pointer
        assert wrapped(Array(torch.zeros(2))).value.tolist() == [1, 1]
        assert seen.pop() == expected
    assert not current


@ROWS
@pytest.mark.parametrize("library", ["torch", "numpy"])
def test_channels_last(row: Row, library: str) -> None:
    sample = row.sample(H, W)
    expected = sample()
    given = [
        t.movedim(-3, -1).contiguous() if name in WITH_CHANNELS else t
        for name, t in zip(row.tensor_names, sample.tensors, strict=True)
    ]
    result = sample.function(*(t.numpy() if library == "numpy" else t for t in given), layout="channels_last")
    result = torch.as_tensor(result)
    if row.is_picture:
        assert result.shape[-1] == expected.shape[-3]
        result = result.movedim(-1, -3)
    assert torch.equal(result, expected)


def test_batches_of_channels_last() -> None:
    x, image = torch.rand(2, 3, H, W), smooth_picture(H, W)
    result = ops.matting_laplacian(x.movedim(1, -1).numpy(), image.movedim(0, -1).numpy(), layout="channels_last")
    assert np.array_equal(result, ops.matting_laplacian(x, image).movedim(1, -1).numpy())


def test_gradients_pass_through_channels_last() -> None:
    image = smooth_picture(H, W)
    x = torch.rand(H, W, 3, requires_grad=True)
    ops.matting_energy(x, image.movedim(0, -1), layout="channels_last").backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad.movedim(-1, 0), 2 * ops.matting_laplacian(x.detach().movedim(-1, 0), image))


def test_out_is_the_array_that_was_given() -> None:
    x, image = torch.rand(3, H, W).numpy(), smooth_picture(H, W).numpy()
    out = np.empty_like(x)
    assert ops.matting_laplacian(x, image, out=out) is out
    assert np.array_equal(out, ops.matting_laplacian(x, image))


UNALIGNED = np.frombuffer(bytes(3 * H * W * 4 + 1), np.uint8)[1:].view(np.float32).reshape(3, H, W)
X = np.random.default_rng(0).random((3, H, W), np.float32)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ops.matting_energy(X, torch.from_numpy(X)), "of one library, got `x` of numpy, `image` of torch"),
        (lambda: ops.matting_energy(torch.from_numpy(X), X), "`image` must be a torch.Tensor, got ndarray"),
        (lambda: ops.matting_energy([1.0], X), "`x` must be a torch.Tensor, got list"),
        (lambda: ops.matting_energy(X[:, ::-1], X), "`x` must be an array that torch can view: .*stride"),
        (lambda: ops.matting_energy(X.astype(">f4"), X), "`x` must be an array that torch can view"),
        (lambda: ops.matting_energy(UNALIGNED, X), "its elements are not aligned in memory"),
        (lambda: ops.matting_energy(X.astype(np.float64), X), "`image` must have x's dtype float64, got float32"),
        (lambda: ops.matting_energy(X, X, layout="hwc"), "`layout` must be 'channels_first' or 'channels_last'"),
        (lambda: ops.matting_energy(X[0], X, layout="channels_last"), r"`x` must have shape \(\.\.\., H, W, C\)"),
        (lambda: ops.matting_laplacian(X, X, out=_read_only(torch.zeros(3, H, W))), "`out` must be writeable"),
        (lambda: ops.matting_laplacian(X, X, out=X.copy(), layout="channels_last"), "`out` must not be given"),
    ],
)
def test_what_does_not_fit_is_said(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(PhotostyleError, match=message):
        call()


def test_the_linear_operator_answers_in_the_library_of_the_question() -> None:
    jnp = _jax()
    image, x = smooth_picture(H, W), torch.rand(H * W)
    laplacian = MattingLaplacian(image)
    answer = laplacian @ jnp.asarray(x.numpy())
    assert type(answer) is type(jnp.zeros(1))
    assert np.array_equal(np.asarray(answer), (laplacian @ x).numpy())
    assert isinstance(MattingLaplacian(image.numpy()).diagonal(), np.ndarray)
    trimap = torch.full((H, W), 0.5)
    trimap[:2], trimap[-2:] = 0, 1
    assert np.array_equal(laplacian.matte(_read_only(trimap)), laplacian.matte(trimap).numpy())
