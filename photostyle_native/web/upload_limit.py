"""How much visitors may send: no file when the folder of uploads is full."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

LARGEST_FILE = 256 << 20  # bytes
_LARGEST_FOLDER = 8 << 30
_MOST_FILES = 4000

Message = MutableMapping[str, Any]
App = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]


class UploadLimit:
    """ASGI middleware that refuses uploads (status 413) while a folder has no room for them.

    Args:
        app: the application.
        folder: where it keeps uploads.
        largest: bytes in the folder, at most.
        most: files in the folder, at most.
    """

    def __init__(self, app: App, folder: Path, largest: int = _LARGEST_FOLDER, most: int = _MOST_FILES) -> None:
        self._app, self._folder, self._largest, self._most = app, folder, largest, most

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        uploads = scope["type"] == "http" and scope["method"] == "POST" and scope["path"].endswith("/upload")
        if not uploads or self._has_room(dict(scope["headers"]).get(b"content-length", b"")):
            await self._app(scope, receive, send)
            return
        words = b"There is no room for uploads now: come back later."  # the page shows them
        headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(words)).encode())]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": words})

    def _has_room(self, length: bytes) -> bool:
        """Whether there is room for a request of this length; one that does not say it may have one large file."""
        sizes = [path.stat().st_size for path in self._folder.rglob("*") if path.is_file()]
        wanted = int(length) if length.isdigit() else LARGEST_FILE
        return len(sizes) < self._most and sum(sizes) + wanted <= self._largest
