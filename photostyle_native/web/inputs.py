"""Gradio's picture inputs, except that the files of visitors are opened by this package's reader and no other.

Gradio would decode what visitors send before a function sees it. Here its components get another `preprocess`, and
functions get the path of the file as it was sent. They are no subclasses, because Gradio writes a stub file beside
the source of each.
"""

from __future__ import annotations

import secrets
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr


def photo_input(**options: Any) -> gr.Image:
    """A photo that is dropped, pasted, chosen or taken; the function gets the path of its file, or None."""
    component = gr.Image(type="filepath", **options)
    vars(component)["preprocess"] = _path
    return component


def strokes_input(**options: Any) -> gr.ImageEditor:
    """Strokes on a picture; the function gets the path of the painted layer, a PNG, or None."""
    component = gr.ImageEditor(**options)
    vars(component)["preprocess"] = partial(_layer, component)
    return component


def _path(payload: Any) -> str | None:
    return None if payload is None else payload.path


def _layer(editor: gr.ImageEditor, payload: Any) -> str | None:
    """The first painted layer: a file, or bytes that the page has sent before."""
    if payload is None:
        return None
    layers = list(payload.layers or [])
    if payload.id is not None:
        sent = editor.blob_storage.pop(payload.id, None)
        layers = list(sent.layers) if sent else []
    layers = [layer for layer in layers if layer]
    if not layers:
        return None
    if not isinstance(layers[0], bytes):
        return str(layers[0].path)
    path = Path(editor.GRADIO_CACHE) / f"strokes-{secrets.token_hex(16)}.png"
    path.write_bytes(layers[0])
    return str(path)
