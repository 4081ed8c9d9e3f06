"""The presets, which the command line reads without torch."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import photostyle_native
from photostyle_native.color.methods import METHODS
from photostyle_native.pipeline.presets import DEFAULT_SIZES, PRESETS, mask_source


@pytest.mark.parametrize("module", ["pipeline.presets", "segmentation.automatic", "cli.options"])
def test_what_the_help_reads_imports_no_torch(tmp_path: Path, module: str) -> None:
    code = f"import sys, photostyle_native.{module}; sys.exit('torch' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(Path(photostyle_native.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=tmp_path)


def test_the_paper_preset_is_the_authors_schedule_and_the_default_one_ends_by_itself() -> None:
    assert list(PRESETS) == ["default", "draft", "paper", "colour", *METHODS]
    paper, default, colour = (PRESETS[name] for name in ("paper", "default", "colour"))
    assert (paper.start, default.start, colour.start) == ("noise", "colour", "colour")
    assert (paper.realism, colour.realism, colour.stages) == (0, 1, ())
    assert 0 < default.realism < 1
    assert [(stage.iterations, stage.photo, stage.progress) for stage in paper.stages] == [
        (1000, False, 0.0),
        (1000, True, 0.0),
    ]
    (stage,) = default.stages
    assert (stage.iterations, stage.photo) == (40, True)
    assert stage.progress > 0
    draft = PRESETS["draft"]
    assert draft.stages == (replace(stage, iterations=10, history=10, progress=0.0),)
    assert (draft.start, draft.realism, draft.auto_mask) == (default.start, default.realism, default.auto_mask)
    assert DEFAULT_SIZES["cpu"] < DEFAULT_SIZES["cuda"]


def test_masks_come_from_the_network_unless_the_preset_needs_none() -> None:
    sources = {preset: mask_source("auto", preset) for preset in PRESETS}
    assert {name for name, source in sources.items() if source == "features"} == {"default", "draft", "paper"}
    assert set(sources.values()) == {"features", "none"}
    assert mask_source("ade20k", "colour") == "ade20k"
    assert mask_source(None, "default") is None
