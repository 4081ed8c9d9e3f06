"""The emulated CUDA device itself: what it computes, and that it finds what is wrong."""

from __future__ import annotations

import emulation
import pytest
import torch

pytestmark = pytest.mark.kernel

ORDERS = ["forward", "reverse", "shuffled"]
INPUT = torch.linspace(0, 1.9, 192).tolist()


def _run(
    monkeypatch: pytest.MonkeyPatch, kernel: str, order: str, results: int = 64, blocks: int = 1
) -> torch.Tensor:
    emulation.use(monkeypatch, order=order)
    used = INPUT[: 64 * blocks] if kernel in ("reverse", "reads past the end") else INPUT
    return torch.tensor(emulation.module().selftest(kernel, used, results, blocks))


@pytest.mark.parametrize("order", ORDERS)
def test_right_kernels_give_right_results(order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values = torch.tensor(INPUT)
    rows = values[:128].view(2, 64)
    assert torch.equal(_run(monkeypatch, "reverse", order, 128, blocks=2).view(2, 64), rows.flip(1))
    copied = values[:64].clone()
    copied[5] = 0
    assert torch.equal(_run(monkeypatch, "copies", order), copied)


@pytest.mark.parametrize("order", ORDERS)
def test_warp_collectives(order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    warps = torch.tensor(INPUT)[:64].view(2, 32)
    total, third, below, above, odd = _run(monkeypatch, "collects", order, 320).view(5, 2, 32)
    torch.testing.assert_close(total, warps.sum(1, keepdim=True).expand(2, 32))
    assert torch.equal(third, warps[:, 3:4].expand(2, 32))
    assert torch.equal(below, warps[:, [0, *range(31)]])
    assert torch.equal(above, warps[:, [*range(1, 32), 31]])
    assert torch.equal(odd, torch.full((2, 32), 16.0))


def test_matrix_fragments(monkeypatch: pytest.MonkeyPatch) -> None:
    def tf32(x: torch.Tensor) -> torch.Tensor:  # the low 13 bits of the mantissa are not read
        return (x.view(torch.int32) & ~0x1FFF).view(torch.float32).double()

    values = torch.tensor(INPUT)
    product = _run(monkeypatch, "multiplies", "shuffled", 128).view(16, 8)
    left, right = values[:128].view(16, 8), values[128:].view(8, 8)
    torch.testing.assert_close(product, (tf32(left) @ tf32(right)).float())
    emulation.module().set_capability(75)
    with pytest.raises(RuntimeError, match="below compute capability 8"):
        emulation.module().selftest("multiplies", INPUT, 128, 1)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_matrix_fragments_of_two_bytes(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = "multiplies bfloat16" if dtype == torch.bfloat16 else "multiplies half"
    values = torch.rand(384) - 0.5
    emulation.use(monkeypatch)
    product = torch.tensor(emulation.module().selftest(kernel, values.tolist(), 128, 1)).view(16, 8)
    left, right = values[:256].view(16, 16).to(dtype).double(), values[256:].view(16, 8).to(dtype).double()
    torch.testing.assert_close(product, (left @ right + 1).float(), rtol=1e-6, atol=0)
    emulation.module().set_capability(75)
    with pytest.raises(RuntimeError, match="below compute capability 8"):
        emulation.module().selftest(kernel, values.tolist(), 128, 1)


@pytest.mark.skipif(emulation.ADDRESS, reason="AddressSanitizer watches instead")
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        ("no barrier", r"a read of what nothing has written|a race of a (read with a write|write with a read)"),
        ("reads unwritten shared", "a read of what nothing has written in shared memory"),
        ("all blocks write one place", "a race of two writes in global memory"),
        ("shared index off by one", "an access outside the block's shared memory, at byte 256"),
        ("late barrier", "a race of a (write with a read|read with a write) in shared memory"),
    ],
)
def test_races_are_found(kernel: str, message: str, order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert emulation.module().watches_races()
    with pytest.raises(RuntimeError, match=message):
        _run(monkeypatch, kernel, order, blocks=2)


@pytest.mark.parametrize("order", ORDERS)
def test_stalls_and_unfinished_copies_are_found(order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError, match="32 threads wait at __syncthreads, 0 at a warp collective, 32 of 64"):
        _run(monkeypatch, "barrier for some", order)
    assert _run(monkeypatch, "copies without waiting", order).isnan().all()
    # And the device works again after a fault.
    assert torch.equal(_run(monkeypatch, "reverse", order), torch.tensor(INPUT)[:64].flip(0))


@pytest.mark.skipif(emulation.ADDRESS, reason="it would end the process")
@pytest.mark.parametrize("kernel", ["reads past the end", "shared index off by one"])
def test_the_sanitizer_finds_what_lies_outside(kernel: str) -> None:
    done = emulation.run_sanitized(
        f"import emulation; emulation.module(selftest=True).selftest({kernel!r}, [0.0] * 64, 64, 1)",
    )
    assert done.returncode != 0
    assert (
        "AddressSanitizer: heap-buffer-overflow" in done.stderr
        or "runtime error: index 64 out of bounds" in done.stderr
    )
