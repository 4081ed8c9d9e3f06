"""A missing package skips a test where it may be missing, and fails it where it may not."""

from __future__ import annotations

import pytest
from optional_packages import need


def test_what_is_there_is_imported() -> None:
    assert need("json").dumps([1]) == "[1]"


def test_what_is_missing_skips_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PHOTOSTYLE_TEST_ALL", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"needs no_such_package: pip install '\.\[test-all\]'"):
        need("no_such_package")


def test_what_is_missing_fails_where_all_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOSTYLE_TEST_ALL", "1")
    with pytest.raises(pytest.fail.Exception, match=r"needs no_such_package.*nothing may be missing"):
        need("no_such_package")
