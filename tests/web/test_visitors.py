"""Who may be on the page, what they may send, and what goes with them."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from optional_packages import need

from photostyle_native import PhotostyleError
from photostyle_native.web.upload_limit import UploadLimit


def visitor(name: str) -> Any:
    """A request of this visitor."""
    return SimpleNamespace(session_hash=name)


def test_files_go_with_the_last_visitor_who_sent_them(tmp_path: Path) -> None:
    need("gradio")
    from photostyle_native.web.visitors import Visitors

    uploads = tmp_path / "uploads"
    uploads.mkdir()
    for name in ("mine", "ours"):
        (uploads / name).write_bytes(b"")
    outside = tmp_path / "outside"
    outside.write_bytes(b"")
    visitors = Visitors("cpu", uploads)
    one, other = (visitors.studio(visitor(name)) for name in "ab")
    assert visitors.studio(visitor("a")) is one
    one.uploads = {str(uploads / "mine"), str(uploads / "ours"), str(outside), str(uploads / "../outside")}
    other.uploads = {str(uploads / "ours")}
    folder = one.folder
    visitors.close(visitor("a"))
    assert one.stop.is_set()
    assert not folder.exists()
    assert [path.name for path in uploads.iterdir()] == ["ours"]
    visitors.close(visitor("a"))
    visitors.close(visitor("b"))
    assert not list(uploads.iterdir())
    assert outside.exists()
    left = visitors.studio(visitor("c")).folder
    visitors.close_all()
    assert not left.exists()


def test_the_end_waits_for_what_is_being_solved(tmp_path: Path) -> None:
    need("gradio")
    from photostyle_native.web.visitors import Visitors

    visitors = Visitors("cpu", tmp_path)
    studio = visitors.studio(visitor("a"))
    begun, ended = threading.Event(), threading.Event()

    def solve() -> None:
        with studio._computing:
            begun.set()
            assert studio.stop.wait(60)
            time.sleep(0.2)  # its last step
            ended.set()

    thread = threading.Thread(target=solve)
    thread.start()
    assert begun.wait(60)
    visitors.close_all()
    assert ended.is_set()
    thread.join()


def test_too_many_visitors_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("gradio")
    from photostyle_native.web import visitors

    monkeypatch.setattr(visitors, "MOST_VISITORS", 2)
    some = visitors.Visitors("cpu", tmp_path)
    for name in "ab":
        some.studio(visitor(name))
    with pytest.raises(PhotostyleError, match="There are 2 visitors on this page now"):
        some.studio(visitor("c"))
    some.close(visitor("a"))
    some.studio(visitor("c"))
    some.close_all()


@pytest.mark.parametrize(
    ("path", "length", "status"),
    [
        ("/gradio_api/upload", b"40", 200),
        ("/gradio_api/upload", b"60", 413),
        ("/gradio_api/upload", b"", 413),  # of unknown length
        ("/gradio_api/upload", b"-5", 413),
        ("/gradio_api/queue/join", b"60", 200),
    ],
)
def test_uploads_need_room(tmp_path: Path, path: str, length: bytes, status: int) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "before").write_bytes(bytes(50))
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    def ask(limit: UploadLimit) -> int:
        scope = {"type": "http", "method": "POST", "path": path, "headers": [(b"content-length", length)]}
        sent.clear()
        asyncio.run(limit(scope, None, send))
        return int(sent[0]["status"])

    assert ask(UploadLimit(app, tmp_path, largest=100)) == status
    if path.endswith("upload"):
        assert ask(UploadLimit(app, tmp_path, most=1)) == 413
