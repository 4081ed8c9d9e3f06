"""The public surface changes only together with its listing, docs/api.md and the changelog."""

from __future__ import annotations

import re

import public_surface
import pytest

import photostyle_native
from photostyle_native import ops

COMMAND = "python tests/public_surface.py"
ROOT = public_surface.LISTING.parent.parent
API = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
CODE = re.compile(r"`([^`\n]+)`")


def test_the_listing_is_that_of_the_code() -> None:
    now, then = (set(text.splitlines()) for text in (public_surface.listing(), public_surface.LISTING.read_text()))
    changed = [*(f"- {line}" for line in sorted(then - now)), *(f"+ {line}" for line in sorted(now - then))]
    assert not changed, "\n".join(
        ["the public surface changed:", *changed, f"if that is meant, run `{COMMAND}` and say so in CHANGELOG.md"]
    )


def test_the_changelog_begins_with_this_version() -> None:
    assert CHANGELOG.split("\n## ")[1].startswith(("[Unreleased]", f"[{photostyle_native.__version__}]"))


def test_the_changelog_speaks_of_every_name() -> None:
    said = set(re.findall(r"--[a-z-]+|[\w-]+", " ".join(CODE.findall(CHANGELOG))))
    names = {
        name.partition(".")[2]
        for name, _ in public_surface.python_names()
        if name.startswith(("ps.", "ops.", "metrics."))
    }
    long_names = {name.split("/")[-1] for _, name, _ in public_surface.options() if name.startswith("-")}
    commands = {word for command, _, _ in public_surface.options() for word in command.split()}
    missing = sorted((names | long_names | commands) - said)
    assert not missing, f"CHANGELOG.md must say, in backticks, what is new: {', '.join(missing)}"


def test_the_api_page_has_every_python_name_and_no_other() -> None:
    written = set(CODE.findall(API))
    names = {name for name, _ in public_surface.python_names()}
    missing = sorted(names - written)
    assert not missing, f"docs/api.md must have, in backticks: {', '.join(missing)}"
    places = {name.partition(".")[0] for name in names}
    spoken_of = {text for text in written if re.fullmatch(rf"({'|'.join(sorted(places))})\.\w+", text)}
    unknown = sorted(spoken_of - names)
    assert not unknown, f"docs/api.md speaks of what does not exist: {', '.join(unknown)}"


def test_the_api_page_has_every_option_and_no_other() -> None:
    rows = dict(re.findall(r"^\| `photostyle ([\w -]+)`(.*)\|$", API, re.MULTILINE))
    live: dict[str, set[str]] = {}
    for command, name, _ in public_surface.options():
        live.setdefault(command, set())
        if name.startswith("-"):
            live[command].add(name.split("/")[-1])
    written = {command: set(re.findall(r"`(--[a-z-]+)`", row)) for command, row in rows.items()}
    assert written.keys() == live.keys(), "the table of commands in docs/api.md is not that of the program"
    wrong = {command: sorted(written[command] ^ live[command]) for command in live}
    assert not any(wrong.values()), f"docs/api.md lacks options, or has some that do not exist: {wrong}"


@pytest.mark.parametrize(
    ("module", "name"), [(photostyle_native, "MattingLoss"), (ops, "masked_gram"), (photostyle_native, "Look")]
)
def test_a_change_is_noticed(monkeypatch: pytest.MonkeyPatch, module: object, name: str) -> None:
    def other(x: int, y: str = "a") -> None: ...

    monkeypatch.setattr(module, name, other)
    with pytest.raises(
        AssertionError, match=rf"surface changed:\n(.*\n)* *\+ \w+\.{name}\(x: int.*\n(.*\n)* *if that is meant, run"
    ):
        test_the_listing_is_that_of_the_code()
