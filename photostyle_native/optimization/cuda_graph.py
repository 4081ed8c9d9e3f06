"""Capture of CUDA graphs, and what must be undone where torch or the driver cannot capture."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import torch


class CaptureFailed(RuntimeError):
    """What ran cannot be held by a CUDA graph; the message is the reason."""


def capture(run: Callable[[], object], stream: torch.cuda.Stream | None = None) -> torch.cuda.CUDAGraph:
    """Capture what `run` launches as a CUDA graph, without running it.

    `run` must have been called before, so that libraries have what they allocate at first use; with a `stream`, on
    that, which then is the one that is captured. Other threads may use the GPU meanwhile.

    Raises:
        CaptureFailed: `run` waits for the device, or failed; it can be called again without a graph.
    """
    # By default torch captures all graphs on one stream. The end of one graph frees the workspace of cuBLAS of its
    # stream, and other graphs that were captured there would then use freed memory (pytorch issue 193402).
    stream = stream or torch.cuda.Stream()
    graph = torch.cuda.CUDAGraph()
    try:
        # By default an unsafe call of any other thread would make it fail.
        with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            run()
    except RuntimeError as error:
        # After a capture that fails, many versions of torch treat the allocator, the random generator and the stream
        # as if it still went on.
        with suppress(RuntimeError):
            graph.reset()
        with suppress(RuntimeError):
            torch.cuda.synchronize()
        generator = torch.cuda.default_generators[torch.cuda.current_device()]
        generator.graphsafe_set_state(torch.Generator(generator.device))
        raise CaptureFailed(str(error).strip().splitlines()[0]) from error
    return graph
