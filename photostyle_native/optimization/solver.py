"""The loop of an optimisation: evaluate the energy, take a step, report.

On a GPU one iteration is a CUDA graph, and the host does not wait for single iterations. It gives the GPU a chunk of
iterations (ten by default), and reads the energies of the chunk before while the GPU works. Decisions that cannot
wait for the host (divergence, the best point) are made on the device, by `limited_memory.LimitedMemory`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .. import ops
from .cuda_graph import CaptureFailed, capture
from .image_metric import ImageMetric
from .limited_memory import LimitedMemory
from .objective import ENERGIES, TERMS, Energy
from .stage import PROGRESS_WINDOW, Stage

# In a bounded stage, the weight of the mean square by which the variables exceed [0, 1]. It is small enough for steps
# to leave the range for a while. A hard bound would change the steps, and L-BFGS would store wrong differences.
_EXCESS = 1e8
_WARM_UP = 1  # iterations before the one that is captured as a graph


@dataclass(frozen=True)
class Iteration:
    """The state of an optimisation after an evaluation of the energy, as a callback receives it.

    Args:
        stage: the name of the stage.
        iteration: the number of steps before this evaluation; 0 at the start.
        iterations: the largest number of steps of the stage.
        last: whether the stage ends here.
        terms: the terms of the energy, each multiplied by its weight, and their sum as ``total``.
        seconds: the time since the stage began.
    """

    stage: str
    iteration: int
    iterations: int
    last: bool
    terms: dict[str, float]
    seconds: float
    _x: Tensor = field(repr=False)
    _seen: Callable[[Tensor], Tensor] | None = field(default=None, repr=False)  # what becomes of a picture in the end

    def image(self) -> Tensor:
        """A copy of the current picture at working size: (3, h, w) on the CPU, clamped to [0, 1]."""
        return self._x.detach().clamp(0, 1).cpu().clone()

    def preview(self) -> Tensor:
        """The result at working size if the transfer ended here: `image` with its realism, and skin kept natural."""
        picture = self._x.detach().clamp(0, 1)
        return (picture if self._seen is None else self._seen(picture)).clamp(0, 1).cpu().clone()


def seconds_left(iteration: Iteration) -> float:
    """Estimate the time that the rest of the stage takes; the evaluation of the start counts as an iteration."""
    return (iteration.iterations - iteration.iteration) * iteration.seconds / (iteration.iteration + 1)


class Solver:
    """An optimisation, stage by stage: the picture `x`, the energies so far, and how it went."""

    def __init__(
        self,
        objective: Energy,
        start: Tensor,
        callback: Callable[[Iteration], None] | None = None,
        every: int | None = None,
    ) -> None:
        """Begin with the picture `start`, (3, H, W).

        `callback` is called after every `every` iterations; by default after each on the CPU, every tenth on a GPU.
        """
        self.x = start.clone()
        self.history: list[dict[str, Any]] = []
        self.best_terms: dict[str, float] = {}
        self.interrupted = False
        self.resets = 0
        self.notes: list[str] = []
        self._objective, self._callback = objective, callback
        self._every = every or (10 if _on_gpu(start.device) else 1)

    def run(self, stage: Stage) -> None:
        """Run one stage and set `x` to its best point. Ctrl-C ends the stage, and the best point is kept too."""
        loop = Loop(self._objective, self.x, stage)
        begin = time.perf_counter()
        energies: list[dict[str, float]] = []
        pending: _Chunk | None = None
        try:
            while loop.done <= stage.iterations and not _stalled(energies, stage.progress):
                fresh = loop.advance(self._every if loop.done else 1)
                # On the CPU the energies are ready at once. A GPU gets its next chunk before the host reads the last.
                ready, pending = (fresh, None) if loop.synchronous else (pending, fresh)
                if ready:
                    self._record(stage, energies, ready.rows())
                    ends = pending is None and (loop.done > stage.iterations or _stalled(energies, stage.progress))
                    self._report(stage, energies, ready, begin, ends)
            if pending:
                self._record(stage, energies, pending.rows())
                self._report(stage, energies, pending, begin, True)
        except KeyboardInterrupt:
            self.interrupted = True
            self._record(stage, energies, loop.energies_from(len(energies)))
        self.resets += int(loop.optimizer.resets)
        if loop.note:
            self.notes.append(f"{stage.name}: {loop.note}")
        if energies:
            self.best_terms = energies[loop.best_iteration()]
            loop.optimizer.restore_best()
        self.x = loop.picture()

    def _record(self, stage: Stage, energies: list[dict[str, float]], rows: list[list[float]]) -> None:
        for row in rows:
            terms = dict(zip(ENERGIES, row, strict=True))
            self.history.append({"stage": stage.name, "iteration": len(energies), **terms})
            energies.append(terms)

    def _report(
        self, stage: Stage, energies: list[dict[str, float]], chunk: _Chunk, begin: float, last: bool
    ) -> None:
        if self._callback:
            done, seconds = len(energies) - 1, time.perf_counter() - begin
            self._callback(Iteration(stage.name, done, stage.iterations, last, energies[-1], seconds, chunk.picture))


def _on_gpu(device: torch.device) -> bool:
    return device.type == "cuda"


def _to_host(values: Tensor) -> Tensor:
    """Start a copy to the host, which is complete when the stream reaches this point, and do not wait for it."""
    host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    return host.copy_(values, non_blocking=True)


def _or_infinity(value: float) -> float:
    return value if value == value else float("inf")


def _stalled(energies: list[dict[str, float]], progress: float) -> bool:
    """Whether the lowest energy fell by less than the share `progress` in the last `PROGRESS_WINDOW` iterations."""
    totals = [_or_infinity(terms["total"]) for terms in energies]
    if not progress or len(totals) <= 2 * PROGRESS_WINDOW:
        return False
    return min(totals) > (1 - progress) * min(totals[:-PROGRESS_WINDOW])


@dataclass(frozen=True)
class _Chunk:
    """The energies of n iterations, perhaps still being copied to the host, and the picture of the last one."""

    energies: Tensor  # (n, 5)
    arrived: torch.cuda.Event | None  # None on the CPU
    picture: Tensor

    def rows(self) -> list[list[float]]:
        if self.arrived is not None:
            self.arrived.synchronize()
        return self.energies.tolist()


class Loop:
    """The iterations of one stage."""

    def __init__(self, objective: Energy, start: Tensor, stage: Stage) -> None:
        self.x = start.detach().clone()
        self.done = 0
        self.synchronous = not _on_gpu(start.device)
        # A build without CUDA kernels uses the plain-PyTorch fallback, which cannot be captured.
        self._graphed = ops.backend(self.x.device).startswith("native-cuda")
        self._objective, self._stage = objective, stage
        height, width = start.shape[-2:]
        metric = ImageMetric(height, width, start.device) if stage.metric else None
        options = {
            "lr": 1.0,
            "history_size": max(1, min(stage.history, stage.iterations)),
            "first_step": 0.05 if stage.metric else 0.02,
            "divergence": 2.0,
            "capturable": self._graphed,
        }
        self.optimizer = LimitedMemory([self.x], options, metric)
        self._seen = torch.empty_like(start)  # the picture that was evaluated last
        # A row has the energies and then the loss, which is what the optimiser lowers.
        rows = stage.iterations + 1
        self._record = torch.full((rows, len(ENERGIES) + 1), float("inf"), dtype=torch.float64, device=start.device)
        self._energies, self._losses = self._record[:, :-1], self._record[:, -1]
        self._row = torch.zeros(1, dtype=torch.int64, device=start.device)
        self._graph: torch.cuda.CUDAGraph | None = None
        self.note = ""  # what the user should know about how the iterations ran
        self._stream = None if self.synchronous else torch.cuda.Stream(start.device)

    def advance(self, count: int) -> _Chunk:
        """Start the next `count` iterations, or as many as are left, and return their energies."""
        first = self.done
        self.done = min(first + count, self._stage.iterations + 1)
        if self._stream is None:
            for _ in range(first, self.done):
                self._iterate()
            return _Chunk(self._energies[first : self.done], None, self._seen.clone())
        self._stream.wait_stream(torch.cuda.current_stream(self.x.device))
        with torch.cuda.stream(self._stream):
            for k in range(first, self.done):
                self._iterate_on_gpu(k)
            host = _to_host(self._energies[first : self.done])
            picture = self._seen.clone()
            arrived = torch.cuda.Event()
            arrived.record()
        torch.cuda.current_stream(self.x.device).wait_stream(self._stream)
        return _Chunk(host, arrived, picture)

    def energies_from(self, first: int) -> list[list[float]]:
        """Wait for the device and return the energies of all evaluations from number `first` on."""
        if self._stream is not None:
            self._stream.synchronize()
        return self._energies[first : int(self._row)].tolist()

    def _iterate_on_gpu(self, k: int) -> None:
        """Run iteration k. The first ones warm up libraries and allocator, then one is captured and replayed."""
        if self._graph is None and self._graphed and k >= _WARM_UP:
            self._capture()
        if self._graph is None:
            self._iterate()
        else:
            self._graph.replay()

    def _capture(self) -> None:
        """Capture an iteration; where that fails, which no known version does, the transfer goes on without."""
        assert self._stream is not None
        try:
            self._graph = capture(self._iterate, self._stream)
        except CaptureFailed as error:
            self._graphed = False
            self.note = f"slower than usual: the iteration could not be captured as a CUDA graph ({error})"

    def _iterate(self) -> None:
        """Evaluate the energy and take a step, without synchronisation, so that a graph can capture it."""
        self.optimizer.advance(*self._evaluate())

    def picture(self) -> Tensor:
        """The picture of the current variables: the variables, clamped to [0, 1] in a bounded stage."""
        return self.x.clamp(0, 1) if self._stage.bounded else self.x.clone()

    def best_iteration(self) -> int:
        """The iteration with the lowest loss, whose point is the best one that the optimiser keeps."""
        return int(torch.where(self._losses.isnan(), torch.inf, self._losses).argmin())

    def _evaluate(self) -> tuple[Tensor, list[Tensor]]:
        """The loss at the variables, and its gradient for each tensor of them."""
        with torch.enable_grad():  # the caller may have disabled gradients
            if self._stage.bounded:
                torch.clamp(self.x, 0, 1, out=self._seen)
            else:
                self._seen.copy_(self.x)
            picture = self._seen.detach().requires_grad_()
            terms = self._objective(picture, photo=self._stage.photo)
            parts = torch.stack([getattr(terms, name) for name in TERMS])
            (gradient,) = torch.autograd.grad(parts.sum(), picture)
        with torch.no_grad():
            # The sum is in float64, because the total may change by less than float32 resolves in a large term.
            parts = parts.double()
            total = parts.sum(0, keepdim=True)
            excess = self.x - picture  # zero in a stage that is not bounded
            gradient.add_(excess, alpha=2 * _EXCESS / self.x.numel())
            loss = total + torch.linalg.vector_norm(excess).double().square() * (_EXCESS / self.x.numel())
            self._record.index_copy_(0, self._row, torch.cat((parts, total, loss))[None])
            self._row.add_(1)
        return loss[0], [gradient]
