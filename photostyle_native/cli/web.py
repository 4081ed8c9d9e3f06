"""`photostyle web`: the page in the browser."""

from __future__ import annotations

import argparse
import os

from ..machine import resolve_device
from ..web.server import serve
from .interrupts import end, exit_code, handled
from .options import keyword_arguments


def run(options: argparse.Namespace) -> int:
    """Run the command until a signal ends it. Returns as shells expect: 130 for Ctrl-C.

    Raises:
        PhotostyleError: an option cannot be used, or Gradio is not installed.
    """
    device = keyword_arguments(resolve_device, options)["device"]
    resolve_device(device)
    password = os.environ.get("PHOTOSTYLE_PASSWORD") or None
    try:
        with handled(end):
            serve(options.listen, options.port, password, device, open_browser=options.open)
    except KeyboardInterrupt as error:
        return exit_code(error)
