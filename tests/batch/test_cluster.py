"""Photos as tasks of a Ray cluster on this machine, one of whose workers is killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from cli.program import gradient
from optional_packages import need
from PIL import Image

from photostyle_native.batch import cluster
from photostyle_native.batch.cluster import on_cluster
from photostyle_native.batch.work import Task, make_photo
from photostyle_native.cli.batch import _task
from photostyle_native.cli.options import build_parser
from photostyle_native.errors import PhotostyleError
from photostyle_native.images.photo_list import Entry

_WORKER = b"ray::_make"


@pytest.fixture
def address() -> Iterator[str]:
    """A cluster of one machine with two CPUs, which ends with the process that holds it."""
    need("ray")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ("--head", "--block", f"--port={port}", "--num-cpus=2", "--include-dashboard=false")
    cluster = subprocess.Popen(
        [str(Path(sys.executable).with_name("ray")), "start", *options, "--object-store-memory=100000000"],
        env=os.environ | {"RAY_USAGE_STATS_ENABLED": "0"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and cluster.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            time.sleep(0.2)
    yield f"127.0.0.1:{port}"
    cluster.terminate()
    try:
        cluster.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(cluster.pid, signal.SIGKILL)
        cluster.wait()


@pytest.fixture
def album(tmp_path: Path) -> list[Entry]:
    entries = []
    for k in range(4):
        photo = tmp_path / f"{k}.png"
        Image.fromarray(gradient(48, 64, (40 + 50 * k, 140, 230 - 50 * k))).save(photo)
        entries.append(Entry(str(photo), str(tmp_path / f"out{k}.png"), photo.name))
    Image.fromarray(gradient(50, 40, (230, 120, 50))).save(tmp_path / "style.png")
    return entries


def task(folder: Path, *options: str) -> Task:
    given = [
        "batch",
        "x",
        "--style",
        str(folder / "style.png"),
        "-o",
        "out",
        "--auto-mask",
        "none",
        "--device",
        "cpu",
    ]
    return _task(build_parser().parse_args([*given, *options]))


def kill_a_worker(killed: list[int]) -> None:
    """Kill the first process of Ray that makes a photo."""
    for _ in range(600):
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if (folder / "cmdline").read_bytes().startswith(_WORKER):
                    os.kill(int(folder.name), signal.SIGKILL)
                    killed.append(int(folder.name))
                    return
            except OSError:  # it has ended meanwhile
                continue
        time.sleep(0.05)


def test_every_photo_is_made_although_a_worker_dies(address: str, album: list[Entry], tmp_path: Path) -> None:
    """And what is wrong with a photo is said, not tried again."""
    broken = album[1]
    Path(broken.photo).write_text("no photo")
    slow = task(tmp_path, "--size", "64", "--iterations", "40")
    killed: list[int] = []
    murderer = threading.Thread(target=kill_a_worker, args=(killed,))
    murderer.start()
    outcomes = dict(on_cluster(address, slow, album, cpus=1, gpus=0))
    murderer.join()
    assert killed
    assert set(outcomes) == set(album)
    assert "not a PNG" in outcomes.pop(broken)["error"]
    for entry, outcome in outcomes.items():
        assert "error" not in outcome, outcome
        assert outcome["size"] == [48, 64]
        here = entry.output.replace("out", "here")
        make_photo(slow, entry.photo, here)
        there, same = (np.asarray(Image.open(path)).astype(int) for path in (entry.output, here))
        assert np.abs(there - same).mean() < 3  # with another number of threads the iterations differ a little


def test_a_cluster_that_is_not_there(album: list[Entry], tmp_path: Path) -> None:
    need("ray")
    for address in ("127.0.0.1:1", "nowhere", "127.0.0.1:x"):
        with pytest.raises(PhotostyleError, match=rf"--ray {address}: no cluster answers"):
            list(on_cluster(address, task(tmp_path), album, cpus=1, gpus=0))


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(PhotostyleError, match="needs the extra cluster"):
        cluster.check_ray()
