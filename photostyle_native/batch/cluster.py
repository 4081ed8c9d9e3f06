"""The photos of a batch as tasks of a Ray cluster, each with its share of processors or GPUs.

Ray gives the tasks to free machines, and gives those of a worker that dies to another. The machines read and write
the same folders.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..errors import PhotostyleError, check_extra, reason
from ..images.photo_list import Entry
from .work import Task, make_photo

_RETRIES = 3  # of a task whose worker died
_SECONDS_TO_CONNECT = 10.0


def check_ray() -> None:
    """Raise PhotostyleError if Ray is not installed."""
    check_extra("ray", "cluster", "--ray needs")


def on_cluster(
    address: str, task: Task, entries: Sequence[Entry], cpus: float, gpus: float
) -> Iterator[tuple[Entry, dict[str, Any]]]:
    """Make photos on a Ray cluster, and yield each with its outcome as it is finished.

    Args:
        address: that of the cluster, such as ``auto`` or ``10.0.0.1:6379``.
        task: what is done with each photo.
        entries: the photos; all machines must find them, and what the task names, under the same absolute paths.
        cpus, gpus: the share of a machine that a photo needs. It computes with as many threads as CPUs.

    Yields:
        An entry, and what `make_photo` returned, or ``{"error": ...}``.

    Raises:
        PhotostyleError: there is no such cluster.
    """
    check_ray()
    import ray

    try:
        _knock(address)
        with _elsewhere():
            ray.init(address=address, log_to_driver=False, configure_logging=False, namespace="photostyle")
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise PhotostyleError(f"--ray {address}: no cluster answers ({reason(error)})") from error
    try:
        remote = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=_RETRIES)(_make)
        shared = ray.put(task)
        pending = {remote.remote(shared, e.photo, e.output, max(1, int(cpus))): e for e in entries}
        while pending:
            done, _ = ray.wait(list(pending), num_returns=1)
            entry = pending.pop(done[0])
            try:
                yield entry, ray.get(done[0])
            except ray.exceptions.RayError as error:
                yield entry, {"error": f"its worker failed {_RETRIES + 1} times ({reason(error)})"}
    finally:
        ray.shutdown()


@contextmanager
def _elsewhere() -> Iterator[None]:
    """Be in another folder: workers look for modules where the driver is when it joins.

    A checkout of this package, which has its source but not its extension, would hide the installed one from them.
    """
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


def _knock(address: str) -> None:
    """Raise OSError or ValueError unless something answers at ``host:port``; Ray itself would try for minutes."""
    if address != "auto":
        host, _, port = address.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=_SECONDS_TO_CONNECT):
            pass


def _make(task: Task, photo: str, output: str, threads: int) -> dict[str, Any]:
    """`make_photo` in a worker; what is wrong with the photo is returned, because another try would not help."""
    import torch

    torch.set_num_threads(threads)
    try:
        return make_photo(task, photo, output)
    except PhotostyleError as error:
        return {"error": str(error)}
