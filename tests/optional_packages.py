"""Packages that only some tests need: `pip install ".[test-all]"` brings them, `".[test]"` does not.

A test without its package is skipped by `need`, and the skip says what to install. Where all packages ought to be
there (PHOTOSTYLE_TEST_ALL=1, as CI sets it), such a skip is a failure: a test that never runs must not look like one
that passes.
"""

from __future__ import annotations

import os
from typing import Any

import pytest


def need(module: str) -> Any:
    """Import a module, or skip the test (or the file of tests) that asks for it."""
    try:
        return pytest.importorskip(module, reason=f"needs {module}: pip install '.[test-all]'")
    except pytest.skip.Exception as skipped:
        if os.environ.get("PHOTOSTYLE_TEST_ALL") == "1":
            pytest.fail(f"{skipped.msg} (PHOTOSTYLE_TEST_ALL=1: nothing may be missing)", pytrace=False)
        raise
