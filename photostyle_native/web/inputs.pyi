"""Gradio's picture inputs, except that the files of visitors are opened by this package's reader and no other."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components.image_editor import EditorData

class PhotoInput(gr.Image):
    """A photo that is dropped, pasted, chosen or taken; the function gets the path of the file, as it was sent."""

    is_template = True  # it looks like its parent

    def preprocess(self, payload: Any) -> str | None:
        return None if payload is None else payload.path
    from typing import Callable, Literal, Sequence, Any, TYPE_CHECKING
    from gradio.blocks import Block
    if TYPE_CHECKING:
        from gradio.components import Timer
        from gradio.components.base import Component

class StrokesInput(gr.ImageEditor):
    """Strokes on a picture; the function gets the file of the painted layer, or None."""

    is_template = True

    def preprocess(self, payload: EditorData | None) -> str | None:  # type: ignore[override]
        if payload is None:
            return None
        layers: list[Any] = list(payload.layers or [])
        if payload.id is not None:
            blobs = self.blob_storage.pop(payload.id, None)
            layers = [layer for layer in (blobs.layers if blobs else []) if layer]
        if not layers:
            return None
        layer = layers[0]
        if not isinstance(layer, bytes):
            return layer.path
        path = Path(self.GRADIO_CACHE) / f"strokes-{secrets.token_hex(16)}.png"
        path.write_bytes(layer)
        return str(path)
    from typing import Callable, Literal, Sequence, Any, TYPE_CHECKING
    from gradio.blocks import Block
    if TYPE_CHECKING:
        from gradio.components import Timer
        from gradio.components.base import Component
