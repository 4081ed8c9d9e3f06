"""Who is on the page: each visitor has a studio and a folder, and what they sent goes when they do."""

from __future__ import annotations

import shutil
import tempfile
import threading
from pathlib import Path

import gradio as gr

from ..errors import PhotostyleError
from .studio import Studio

MOST_VISITORS = 64  # at once: each has photos in memory
_PATIENCE = 30  # seconds that the end of the program waits for a solve, which ends after its next step


class Visitors:
    """The studios of all visitors by their session.

    Args:
        device: where to compute, as for `transfer`.
        uploads: the folder in which the page keeps what visitors send.
    """

    def __init__(self, device: str, uploads: Path) -> None:
        self._device, self._uploads = device, uploads.resolve()
        self._studios: dict[str, Studio] = {}
        self._lock = threading.Lock()

    def studio(self, request: gr.Request) -> Studio:
        """The studio of whoever sent this request. Raises PhotostyleError if there are too many visitors."""
        name = str(request.session_hash)
        with self._lock:
            if name not in self._studios:
                if len(self._studios) >= MOST_VISITORS:
                    raise PhotostyleError(f"There are {MOST_VISITORS} visitors on this page now: come back later.")
                self._studios[name] = Studio(Path(tempfile.mkdtemp(prefix="photostyle-web-")), self._device)
            return self._studios[name]

    def close(self, request: gr.Request) -> None:
        """Forget a visitor who has gone, and remove their files; what is being solved for them stops."""
        with self._lock:
            studio = self._studios.pop(str(request.session_hash), None)
            if studio is None:
                return
            studio.stop.set()
            # The page keeps two visitors' uploads of the same bytes in one file.
            others = {path for other in self._studios.values() for path in other.uploads}
            for path in studio.uploads - others:
                if Path(path).resolve().is_relative_to(self._uploads):
                    Path(path).unlink(missing_ok=True)
        shutil.rmtree(studio.folder, ignore_errors=True)

    def close_all(self) -> None:
        """Stop what is being solved, and remove what is left of all visitors."""
        for studio in self._studios.values():
            studio.stop.set()  # all at once, before the first is waited for
        for studio in self._studios.values():
            studio.end(_PATIENCE)
            shutil.rmtree(studio.folder, ignore_errors=True)
