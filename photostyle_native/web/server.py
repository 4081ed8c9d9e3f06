"""Serving the page: on this machine only unless told otherwise, and nothing from outside."""

from __future__ import annotations

import ipaddress
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import NoReturn

from ..errors import PhotostyleError, check_extra


def check_web() -> None:
    """Raise PhotostyleError if Gradio is not installed."""
    check_extra("gradio", "web", "the page needs")


def is_loopback(address: str) -> bool:
    """Whether an address is this machine's own, which no other machine can reach."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def serve(address: str, port: int | None, password: str | None, device: str, *, open_browser: bool) -> NoReturn:
    """Serve the page until an exception such as KeyboardInterrupt ends it.

    Args:
        address: the address to listen at. Other machines reach the page only if it is not loopback.
        port: the port; None takes the first free one from 7860 on.
        password: what visitors have to say; their name is ``photostyle``. None only on loopback.
        device: where to compute, as for `transfer`.
        open_browser: whether to open the page in a browser.

    Raises:
        PhotostyleError: Gradio is missing, a password is, or the port is taken.
    """
    if password is None and not is_loopback(address):
        raise PhotostyleError(f"{address} can be reached by other machines: --listen needs a password")
    check_web()
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before the import: no word to anybody
    uploads = tempfile.mkdtemp(prefix="photostyle-uploads-")
    os.environ["GRADIO_TEMP_DIR"] = uploads
    import gradio as gr
    from starlette.middleware import Middleware

    from .page import CSS, build
    from .upload_limit import LARGEST_FILE, UploadLimit
    from .visitors import Visitors

    visitors = Visitors(device, Path(uploads))
    blocks = build(visitors)
    blocks.GRADIO_CACHE = uploads
    theme = gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    try:
        blocks.launch(
            server_name=address,
            server_port=port,
            auth=None if password is None else ("photostyle", password),
            inbrowser=open_browser,
            share=False,
            quiet=True,
            show_error=True,
            ssr_mode=False,
            footer_links=[],
            max_file_size=LARGEST_FILE,
            app_kwargs={"middleware": [Middleware(UploadLimit, folder=Path(uploads))]},
            prevent_thread_lock=True,
            theme=theme,
            css=CSS,
        )
    except OSError as error:
        raise PhotostyleError(f"--port {port}: {error}") from error
    print(f"photostyle: {blocks.local_url} (Ctrl-C ends it)", flush=True)
    try:
        while True:
            time.sleep(3600)
    finally:
        blocks.close(verbose=False)
        visitors.close_all()
        shutil.rmtree(uploads, ignore_errors=True)
