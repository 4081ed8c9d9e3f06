"""The result of a transfer, made without one."""

from __future__ import annotations

from typing import Any

import numpy as np
from image_files import adobe_like, exif_bytes
from pictures import smooth_picture

from photostyle_native.images.photo import Photo
from photostyle_native.pipeline.result import TransferResult

PIXELS = (65535 * smooth_picture(60, 80)).round().numpy().astype(np.uint16).transpose(1, 2, 0).copy()
ALPHA = np.maximum(np.arange(60 * 80, dtype=np.uint16).reshape(60, 80), 1)


def result(**changes: Any) -> TransferResult:
    """A transfer that halves all colours."""
    photo = Photo(PIXELS, ALPHA, adobe_like(), exif_bytes(1))
    fields: dict[str, Any] = {
        "image": 0.5 * photo.tensor(),
        "working": 0.5 * photo.tensor((30, 40)),
        "content": photo,
        "preset": "default",
        "realism": 0.5,
        "keep_skin": 0.5,
        "labels": ("all",),
        "notes": (),
        "history": [{"stage": "optimise", "iteration": 0, "total": 3.0}],
        "energies": {"total": 3.0},
        "timings": {"read": 0.25, "optimise": 1.5},
        "backend": "native-cpu (x86-64-v3)",
        "device": "cpu",
        "vgg_weights": "bundled",
        "precision": "float32",
        "low_memory": False,
        "interrupted": False,
        "resets": 0,
    }
    return TransferResult(**{**fields, **changes})
