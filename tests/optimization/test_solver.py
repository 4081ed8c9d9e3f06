"""The loop: the same pictures however it is driven, and nothing in it that waits for a device."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from pictures import smooth_picture
from torch import Tensor
from waiting import calls_of

from photostyle_native import Iteration, load_vgg19
from photostyle_native.optimization import solver
from photostyle_native.optimization.cuda_graph import CaptureFailed
from photostyle_native.optimization.objective import Objective
from photostyle_native.optimization.solver import Solver
from photostyle_native.optimization.stage import Stage


@pytest.fixture(scope="module")
def problem() -> tuple[Objective, Tensor]:
    content = smooth_picture(40, 48)
    style = (smooth_picture(48, 40).flip(1) * torch.tensor([0.9, 0.6, 0.4])[:, None, None]).contiguous()
    masks, style_masks = torch.zeros(2, 40, 48), torch.zeros(2, 48, 40)
    masks[0, :20], masks[1, 20:] = 1, 1
    style_masks[0, :30], style_masks[1, 30:] = 1, 1
    return Objective(content, style, masks, style_masks, load_vgg19()), content


@pytest.mark.kernel
def test_an_iteration_never_waits(problem: tuple[Objective, Tensor], device: torch.device) -> None:
    objective, start = problem
    if device.type == "cuda":
        pytest.skip("the GPU's own test counts synchronisations")
    loop = solver.Loop(objective, start, Stage("optimise", 10, metric=True))
    for _ in range(3):
        loop._iterate()
    assert calls_of(loop._iterate) > 50


def test_paper_stages_need_no_photo_term(problem: tuple[Objective, Tensor]) -> None:
    run = Solver(*problem)
    run.run(Stage("one", 3, photo=False))
    run.run(Stage("two", 3))
    assert [(e["stage"], e["iteration"]) for e in run.history] == [(s, i) for s in ("one", "two") for i in range(4)]
    assert [e["photo"] == 0 for e in run.history] == [True] * 4 + [False] * 4
    assert run.best_terms == {
        k: v for k, v in min(run.history[4:], key=lambda e: e["total"]).items() if k in run.best_terms
    }


@pytest.mark.parametrize("bounded", [False, True])
def test_energies_are_those_of_the_best_picture(bounded: bool, problem: tuple[Objective, Tensor]) -> None:
    run = Solver(*problem)
    run.run(Stage("optimise", 12, metric=True, bounded=bounded))
    with torch.no_grad():
        assert problem[0](run.x).values()["total"] == pytest.approx(run.best_terms["total"], rel=1e-5)


def test_a_bounded_picture_is_better_than_a_clamped_one() -> None:
    """Towards a style that is darker than black can be: what a photo file cannot hold must not be counted on."""
    content = smooth_picture(40, 48) * 0.5
    style = (smooth_picture(40, 48).flip(1) - 0.5).clamp(0, 1) * 2
    one = torch.ones(1, 40, 48)
    objective = Objective(content, style.contiguous(), one, one, load_vgg19())
    scores = []
    for bounded in (False, True):
        run = Solver(objective, content)
        run.run(Stage("optimise", 40, metric=True, bounded=bounded))
        with torch.no_grad():
            scores.append(objective(run.x.clamp(0, 1)).values()["total"])
        assert bool(((run.x < 0) | (run.x > 1)).any()) != bounded
    assert scores[1] < 0.9 * scores[0]


class _FakeGpu:
    """CUDA's streams, events and graphs on the CPU. As on a GPU, what is captured runs only when it is replayed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loop: Any = None
        self.captured, self.replayed, self.waits = 0, 0, 0
        self.inside = False
        fakes = {
            "Stream": lambda *_: self,
            "Event": lambda: self,
            "CUDAGraph": lambda: self,
            "current_stream": lambda *_: self,
            "stream": lambda _: contextlib.nullcontext(),
            "graph": self.capture,
        }
        for name, fake in fakes.items():
            monkeypatch.setattr(torch.cuda, name, fake)
        monkeypatch.setattr(solver, "_on_gpu", lambda _: True)
        monkeypatch.setattr(solver, "_to_host", Tensor.clone)
        monkeypatch.setattr(solver.ops, "backend", lambda _: "native-cuda (sm_90)")
        original = solver.Loop.__init__

        def remember(loop: Any, *args: Any, **kwargs: Any) -> None:
            original(loop, *args, **kwargs)
            self.loop = loop

        monkeypatch.setattr(solver.Loop, "__init__", remember)

    @contextlib.contextmanager
    def capture(self, _graph: object, stream: object, capture_error_mode: str) -> Iterator[None]:
        assert stream is self
        assert capture_error_mode == "thread_local"
        state = self.loop.optimizer.state
        tensors = [self.loop.x, self.loop._seen, self.loop._energies, self.loop._row]
        tensors += [v for v in state.values() if isinstance(v, Tensor)]
        before = [t.detach().clone() for t in tensors]
        yield
        with torch.no_grad():
            for tensor, value in zip(tensors, before, strict=True):
                tensor.copy_(value)
        self.captured += 1

    def replay(self) -> None:
        self.replayed += 1
        self.loop._iterate()

    def synchronize(self) -> None:
        self.waits += 1

    def wait_stream(self, _: object) -> None: ...

    def record(self) -> None: ...


@pytest.mark.parametrize("progress", [0.0, 0.015])
def test_a_graph_gives_the_same_pictures(
    progress: float, problem: tuple[Objective, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage("optimise", 34, metric=True, progress=progress)
    plain = Solver(*problem)
    plain.run(stage)
    gpu = _FakeGpu(monkeypatch)
    seen: list[Iteration] = []
    run = Solver(*problem, callback=seen.append)
    run.run(stage)
    assert gpu.captured == 1
    assert gpu.replayed == len(run.history) - 1  # all but the warm-up
    assert gpu.waits == len(seen) <= 5  # once per ten iterations
    assert [i.last for i in seen] == [False] * (len(seen) - 1) + [True]
    assert [i.iteration for i in seen][:4] == [0, 10, 20, 30]
    # A history of fixed size is summed up in another order.
    for ours, theirs in zip(run.history, plain.history, strict=not progress):
        assert ours["total"] == pytest.approx(theirs["total"], rel=2e-2)
    assert run.best_terms["total"] == pytest.approx(plain.best_terms["total"], rel=2e-2)


@pytest.mark.kernel
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_cuda_gpu(problem: tuple[Objective, Tensor]) -> None:
    """The captured iteration gives the CPU's energies, and within a chunk the host never waits."""
    objective, start = problem
    stage = Stage("optimise", 40, metric=True, bounded=True)
    arguments = (objective.guide, start.flip(1).contiguous(), torch.ones(1, 40, 48), torch.ones(1, 40, 48))
    there = Objective(*(a.cuda() for a in arguments), load_vgg19().cuda())
    here = Objective(*arguments, load_vgg19())
    runs = [Solver(o, s) for o, s in ((here, start), (there, start.cuda()))]
    for run in runs:
        run.run(stage)
    assert runs[1].best_terms["total"] == pytest.approx(runs[0].best_terms["total"], rel=0.05)
    loop = solver.Loop(there, start.cuda(), stage)
    loop.advance(1)
    loop.advance(10)
    torch.cuda.synchronize()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch says that it does not see every wait
            torch.cuda.set_sync_debug_mode("error")
        chunk = loop.advance(10)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert len(chunk.rows()) == 10


def test_a_capture_that_fails_does_not_end_the_transfer(
    problem: tuple[Objective, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = _FakeGpu(monkeypatch)

    def refuse(*_: object) -> None:
        raise CaptureFailed("operation not permitted when stream is capturing")

    monkeypatch.setattr(solver, "capture", refuse)
    run = Solver(*problem)
    run.run(Stage("optimise", 12, metric=True))
    assert len(run.history) == 13
    assert gpu.replayed == 0
    (note,) = run.notes
    assert "optimise: slower than usual" in note
    assert "not permitted" in note


def test_ctrl_c_on_a_gpu_keeps_what_has_run(
    problem: tuple[Objective, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    _FakeGpu(monkeypatch)

    def stop(iteration: Iteration) -> None:
        if iteration.iteration == 10:
            raise KeyboardInterrupt

    run = Solver(*problem, callback=stop)
    run.run(Stage("optimise", 50, metric=True))
    assert run.interrupted
    assert len(run.history) == 21  # the ten that were reported, and the ten that ran meanwhile
    with torch.no_grad():
        assert problem[0](run.x).values()["total"] == pytest.approx(run.best_terms["total"], rel=1e-5)
