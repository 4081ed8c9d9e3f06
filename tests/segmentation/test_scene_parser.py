"""Loading scene parsers: a small SegFormer with random weights, saved and read back by transformers itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from optional_packages import need
from PIL import Image

import photostyle_native
from photostyle_native.cli.main import main
from photostyle_native.errors import PhotostyleError
from photostyle_native.images.photo import as_photo
from photostyle_native.network.weights import load_vgg19
from photostyle_native.segmentation.automatic import automatic_pair
from photostyle_native.segmentation.scene_groups import GROUPS
from photostyle_native.segmentation.scene_parser import load_scene_parser

CLASSES = ["sky", "building, edifice", "lake", "sea", "tree", "gizmo"]


def save_segformer(folder: Path, classes: list[str]) -> None:
    """A SegFormer of a few thousand random weights, and its image processor."""
    need("transformers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from transformers import SegformerConfig, SegformerForSemanticSegmentation, SegformerImageProcessor

        torch.manual_seed(0)
        config = SegformerConfig(
            depths=[1, 1, 1, 1],
            hidden_sizes=[8, 8, 16, 16],
            num_attention_heads=[1, 1, 2, 2],
            decoder_hidden_size=16,
            id2label=dict(enumerate(classes)),
            label2id={name: k for k, name in enumerate(classes)},
        )
        SegformerForSemanticSegmentation(config).save_pretrained(folder)
        SegformerImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)


@pytest.fixture(scope="module")
def segformer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("segformer")
    save_segformer(folder, CLASSES)
    return folder


def no_hub(*_: Any, **__: Any) -> None:
    raise AssertionError("the hub was asked")


def test_a_saved_model_is_loaded_and_run(segformer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.snapshot_download", no_hub)
    parser = load_scene_parser(segformer)
    assert parser.source == str(segformer)
    assert parser.groups.unknown == ("gizmo",)
    image = torch.rand(3, 50, 90, generator=torch.Generator().manual_seed(0))
    probabilities = parser(image).exp()
    assert probabilities.shape == (len(GROUPS), 16, 16)
    torch.testing.assert_close(probabilities.sum(0), torch.ones(16, 16))
    known = [GROUPS.index(name) for name in ("sky", "buildings", "water", "plants")]
    assert (probabilities[known] > 0).all()
    assert float(probabilities.sum() - probabilities[known].sum()) == pytest.approx(0, abs=1e-4)


def test_it_computes_what_transformers_computes(segformer: Path) -> None:
    from transformers import SegformerForSemanticSegmentation, SegformerImageProcessor

    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    image = torch.from_numpy(pixels).permute(2, 0, 1) / 255
    model = SegformerForSemanticSegmentation.from_pretrained(segformer).eval()
    inputs = SegformerImageProcessor.from_pretrained(segformer)(images=Image.fromarray(pixels), return_tensors="pt")
    with torch.no_grad():
        classes = model(**inputs).logits[0, :5].softmax(0)  # but the one that is not known
    water = load_scene_parser(segformer)(image).exp()[GROUPS.index("water")]
    torch.testing.assert_close(water, classes[2] + classes[3])


def test_a_cached_model_needs_no_network(segformer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def cached(name: str, **options: Any) -> str:
        asked.append((name, options["local_files_only"]))
        return str(segformer)

    monkeypatch.setattr("huggingface_hub.snapshot_download", cached)
    assert load_scene_parser().source == "nvidia/segformer-b0-finetuned-ade-512-512"
    assert asked == [("nvidia/segformer-b0-finetuned-ade-512-512", True)]


def test_a_download_that_was_cut_off_is_completed(
    segformer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_bytes((segformer / "config.json").read_bytes())

    def download(_: str, local_files_only: bool = False, **__: Any) -> str:
        return str(tmp_path if local_files_only else segformer)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    assert load_scene_parser("some/model").source == "some/model"


def test_without_a_network_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    need("transformers")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(
        PhotostyleError,
        match="`segment_model` photostyle/no-such cannot be downloaded from the Hugging Face hub: on a machine that"
        " can, run `hf download photostyle/no-such --local-dir FOLDER`, and give that folder as `segment_model`",
    ):
        load_scene_parser("photostyle/no-such")


def test_without_transformers_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        PhotostyleError,
        match=r"`auto_mask` ade20k needs the package transformers: pip install 'photostyle-native\[segment\]'",
    ):
        load_scene_parser("anything")


def test_folders_that_hold_no_such_model(segformer: Path, tmp_path: Path) -> None:
    with pytest.raises(
        PhotostyleError, match=r"`segment_model` must be a folder with a saved model or the name of one"
    ):
        load_scene_parser(tmp_path / "none")
    with pytest.raises(PhotostyleError, match=r"must be a saved model .* but loading it failed: Can't load image"):
        load_scene_parser(tmp_path)
    for file in segformer.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"nothing of use")
    with pytest.raises(PhotostyleError, match=r"must be a saved model .* but loading it failed: "):
        load_scene_parser(tmp_path)


def test_a_model_without_its_head(segformer: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    for file in segformer.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(segformer / "model.safetensors")
    kept = {name: value for name, value in weights.items() if not name.startswith("decode_head.classifier")}
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        PhotostyleError, match=r"its weights lack 2 entries, decode_head\.classifier\.bias among them"
    ):
        load_scene_parser(tmp_path)


def test_classes_that_are_not_known(tmp_path: Path) -> None:
    save_segformer(tmp_path, ["LABEL_0", "LABEL_1"])
    with pytest.raises(PhotostyleError, match=r"must have the classes of ADE20K or Cityscapes .*: LABEL_0, LABEL_1"):
        load_scene_parser(tmp_path)


def test_the_libraries_settings_are_left_as_found(segformer: Path) -> None:
    from huggingface_hub.utils import are_progress_bars_disabled
    from transformers.utils import logging

    before = logging.get_verbosity(), logging.is_progress_bar_enabled(), are_progress_bars_disabled()
    load_scene_parser(segformer)
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled(), are_progress_bars_disabled()) == before


# ---------------------------------------------------------------------------------------------- as a user runs it


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seed in (("day", 0), ("dusk", 1)):
        coarse = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), np.uint8)
        Image.fromarray(coarse).resize((128, 96), Image.Resampling.BICUBIC).save(tmp_path / f"{name}.png")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("photos")
def test_masks_and_transfer_by_scene(segformer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["day.png", "dusk.png", "--auto-mask", "ade20k", "--segment-model", str(segformer)]
    assert main(["masks", *options, "-o", "out"]) == 0
    printed = capsys.readouterr()
    assert "confidence" in printed.out
    assert "note: Classes of" in printed.out
    assert printed.err == ""
    names = {line.split("(")[1].split(")")[0] for line in printed.out.splitlines() if " of content," in line}
    assert names <= {"sky", "buildings", "water", "plants"}
    pair = automatic_pair(
        as_photo("day.png"),
        as_photo("dusk.png"),
        ((96, 128), (96, 128)),
        "ade20k",
        load_vgg19(),
        segment_model=segformer,
    )
    assert set(pair.labels) <= names | {"all"}
    assert main(["transfer", *options, "-o", "o.png", "--iterations", "0", "--report", "r.json"]) == 0
    assert tuple(json.loads(Path("r.json").read_text())["labels"]) == pair.labels


@pytest.mark.usefixtures("photos")
def test_nothing_of_the_libraries_is_seen(segformer: Path) -> None:
    command = [sys.executable, "-m", "photostyle_native", "masks", "day.png", "dusk.png", "-o", "out"]
    command += ["--auto-mask", "ade20k", "--segment-model", str(segformer)]
    environment = os.environ | {"PYTHONPATH": str(Path(photostyle_native.__file__).parents[1])}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.usefixtures("photos")
def test_nothing_of_it_is_imported_for_other_masks() -> None:
    code = "import sys; from photostyle_native.cli.main import main; code = main(sys.argv[1:]); assert code == 0;"
    code += "assert not {'transformers', 'huggingface_hub'} & set(sys.modules)"
    command = [sys.executable, "-c", code, "masks", "day.png", "dusk.png", "-o", "out"]
    environment = os.environ | {"PYTHONPATH": str(Path(photostyle_native.__file__).parents[1])}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.usefixtures("photos")
def test_options_that_do_not_go_together(capsys: pytest.CaptureFixture[str]) -> None:
    need("transformers")
    base = ["masks", "day.png", "dusk.png", "-o", "out", "--auto-mask", "ade20k"]
    for more, message in (
        (["--regions", "3"], "--regions is for --auto-mask features, got ade20k"),
        (["--style-scribbles", "day.png"], "scribbles are for --auto-mask features, got ade20k"),
    ):
        assert main([*base, *more]) == 2
        assert message in capsys.readouterr().err
    assert not Path("out").exists()
