"""A scene parser: a network of the package `transformers` that says what each place of a photo shows.

The default is SegFormer (E. Xie et al., NeurIPS 2021) trained on ADE20K; any model for semantic segmentation works
whose classes `scene_groups` knows. `transformers` is not imported, and nothing is downloaded, before
`load_scene_parser` is called.
"""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ..errors import PhotostyleError
from .scene_groups import Grouping, grouping

DEFAULT_MODEL = "nvidia/segformer-b0-finetuned-ade-512-512"
_FILES = ["*.json", "*.safetensors", "*.bin"]


class SceneParser:
    """A network that finds `scene_groups.GROUPS` in photos, made by `load_scene_parser`. `source` names the model."""

    def __init__(self, model: Any, processor: Any, groups: Grouping, source: str) -> None:
        self._model, self._processor = model, processor
        self.groups, self.source = groups, source

    @torch.no_grad()
    def __call__(self, image: Tensor) -> Tensor:
        """Parse a photo (3, H, W) in [0, 1]: log-probabilities (len(GROUPS), h, w), at the model's size, on CPU."""
        pixels = (image.detach().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
        inputs = self._processor(images=Image.fromarray(pixels), return_tensors="pt")
        with _quiet():
            logits = self._model(pixel_values=inputs["pixel_values"].to(self._model.device)).logits[0]
        return self.groups(logits.float()).cpu()


def check_scene_parser() -> None:
    """Raise PhotostyleError if `transformers` is not installed."""
    if importlib.util.find_spec("transformers") is None:
        raise PhotostyleError(
            "`auto_mask` ade20k needs the package transformers: pip install 'photostyle-native[segment]'"
        )


def load_scene_parser(
    model: str | Path | None = None, device: str | torch.device = "cpu", *, name: str = "`segment_model`"
) -> SceneParser:
    """Load a scene parser.

    Args:
        model: a folder with a saved model and its image processor, or the name of one on the Hugging Face hub, which
            is downloaded once; default: `DEFAULT_MODEL`.
        device: the device on which the model computes.
        name: the name of the argument in messages.

    Raises:
        PhotostyleError: `transformers` is not installed, the hub cannot be reached or has no such model, the folder
            holds no whole model for semantic segmentation, or most of its classes are not known.
    """
    check_scene_parser()
    source = DEFAULT_MODEL if model is None else str(model)
    with _quiet():
        what = f"{name} {source}"
        network, processor = _from_folder(source, what) if Path(source).is_dir() else _from_hub(source, name)
    groups = grouping(network.config.id2label, f"{name} {source}")
    return SceneParser(network.float().eval().to(device), processor, groups, source)


def _from_hub(source: str, name: str) -> tuple[Any, Any]:
    """Load a model of the hub: the copy of an earlier download, or a new one if there is none or it is incomplete."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

    broken: PhotostyleError | None = None
    try:
        try:
            kept = str(snapshot_download(source, allow_patterns=_FILES, local_files_only=True))
            return _from_folder(kept, f"{name} {source}")
        except PhotostyleError as error:
            broken = error
        except OSError:  # nothing was downloaded earlier
            pass
        folder = str(snapshot_download(source, allow_patterns=_FILES))
    except (HFValidationError, RepositoryNotFoundError):
        raise PhotostyleError(
            f"{name} must be a folder with a saved model or the name of one on the Hugging Face hub, got {source}"
        ) from None
    except OSError:  # no connection, offline mode, an error of the server
        raise broken or PhotostyleError(
            f"{name} {source} cannot be downloaded from the Hugging Face hub: on a machine that can, run"
            f" `hf download {source} --local-dir FOLDER`, and give that folder as {name}"
        ) from None
    return _from_folder(folder, f"{name} {source}")


def _from_folder(folder: str, what: str) -> tuple[Any, Any]:
    from transformers import AutoImageProcessor, AutoModelForSemanticSegmentation

    try:
        processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
        network, report = AutoModelForSemanticSegmentation.from_pretrained(
            folder, local_files_only=True, output_loading_info=True
        )
    except Exception as error:  # its type depends on which file is missing, damaged or of another kind
        reason = " ".join(str(error).split()).partition(". ")[0]
        raise PhotostyleError(
            f"{what} must be a saved model for semantic segmentation with its image processor, but loading it failed:"
            f" {reason}"
        ) from error
    missing = sorted(report["missing_keys"])
    if missing:
        raise PhotostyleError(
            f"{what} must be a whole model for semantic segmentation, but its weights lack {len(missing)} entries,"
            f" {missing[0]} among them"
        )
    return network, processor


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the libraries' log lines, progress bars and warnings off the terminal, and restore the settings after."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from huggingface_hub import utils as hub
        from transformers.utils import logging as transformers_logging

        loggers = [logging.getLogger(library) for library in ("transformers", "huggingface_hub")]
        levels = [logger.level for logger in loggers]
        hub_bars = not hub.are_progress_bars_disabled()
        own_bars = transformers_logging.is_progress_bar_enabled()
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        hub.disable_progress_bars()
        transformers_logging.disable_progress_bar()
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
            if hub_bars:
                hub.enable_progress_bars()
            if own_bars:
                transformers_logging.enable_progress_bar()
