"""Facts about the processor."""

from __future__ import annotations

import json
from pathlib import Path

from photostyle_native.benchmark.facts import facts
from photostyle_native.benchmark.processor import processor_facts

CPUINFO = """processor : 0
cpu family\t: 25
model\t\t: 1
model name\t: AMD EPYC
stepping\t: 1
cpu MHz\t\t: 2449.998
processor : 1
cpu MHz\t\t: 3100.2
"""


def test_model_clock_and_caches_are_read(tmp_path: Path) -> None:
    for index, level, kind, size in ((0, 1, "Data", "32K"), (1, 1, "Instruction", "32K"), (2, 3, "Unified", "16M")):
        folder = tmp_path / f"index{index}"
        folder.mkdir()
        for name, value in (("level", level), ("type", kind), ("size", size)):
            (folder / name).write_text(f"{value}\n")
    found = processor_facts(CPUINFO, tmp_path)
    assert found["model"] == "cpu family 25, model 1, stepping 1"
    assert found["clock_mhz"] == 3100
    assert found["caches"] == {"L1 data": "32K", "L1 instruction": "32K", "L3 unified": "16M"}
    assert found["affinity"] >= 1
    assert len(found["load"]) == 3


def test_what_the_system_does_not_tell_is_empty(tmp_path: Path) -> None:
    found = processor_facts("", tmp_path / "nowhere")
    assert (found["model"], found["clock_mhz"], found["caches"]) == ("", None, {})


def test_they_are_among_the_facts_of_a_run() -> None:
    assert {"model", "clock_mhz", "caches", "affinity", "load"} <= json.loads(json.dumps(facts([]))).keys()
