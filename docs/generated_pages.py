"""Make the pages of the documentation site from the repository, so that each text is written in one place only.

The home page, the recipes, the changelog and a few others are copies of files of the repository, with links that lead
to the site's pages. The command line's page is made from argparse's help, the reference from docstrings, and the
gallery from `examples/`, with pictures that are computed here. The pages are written to docs/generated/, which git
ignores.
"""

from __future__ import annotations

import argparse
import ast
import re
from pathlib import Path

import gallery_pictures

import photostyle_native
from photostyle_native import metrics, ops
from photostyle_native.cli.options import build_parser

REPOSITORY_FILES = {
    "docs/api.md": "promises.md",
    "docs/metrics.md": "metrics.md",
    "docs/recipes.md": "recipes.md",
    "docs/video.md": "video.md",
    "docs/web.md": "web.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "bench/results/nvidia-h100-80gb-hbm3/README.md": "h100.md",
}
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)\s]+)\)")


def write(root: Path) -> None:
    """Make all pages, and write those that have changed."""
    folder = root / "docs" / "generated"
    folder.mkdir(exist_ok=True)
    pages = {
        "home.md": _readme(root, before="## A walk, for photographers"),
        "use.md": "# Use\n" + _readme(root, between=("## A walk, for photographers", "## How good")),
        "results.md": "# Results and how it works\n" + _readme(root, between=("## How good", None)),
        "commands.md": _commands(),
        "reference.md": _reference(),
        "gallery.md": _gallery(root, folder),
    }
    for source, page in REPOSITORY_FILES.items():
        pages[page] = _with_links((root / source).read_text(encoding="utf-8"), root, (root / source).parent)
    for name, text in pages.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _readme(root: Path, before: str | None = None, between: tuple[str, str | None] | None = None) -> str:
    text = (root / "README.md").read_text(encoding="utf-8")
    if before is not None:
        text = text[: text.index(f"\n{before}")]
    elif between is not None:
        start, end = between
        text = text[text.index(f"\n{start}") : text.index(f"\n{end}") if end else None]
    return _with_links(text, root, root)


def _with_links(text: str, root: Path, folder: Path) -> str:
    """Change the links of a text in `folder`: to a page of the site if the file has one, else to the file itself."""

    def moved(match: re.Match[str]) -> str:
        target, _, anchor = match[1].partition("#")
        path = (folder / target).resolve().relative_to(root).as_posix()
        page = REPOSITORY_FILES.get(path)
        if page:
            return f"]({page}{'#' + anchor if anchor else ''})"
        if path.startswith("docs/") and path.endswith(".jpg"):
            return f"](../{Path(path).name})"
        if path.startswith("examples/"):
            return f"](gallery.md#{Path(path).stem.replace('_', '-')})"
        return f"](../../{path})"

    return LINK.sub(moved, text)


def _commands() -> str:
    """A page with the text that `photostyle COMMAND --help` prints, for every command."""
    parts = ["# The command line\n"]
    for name, parser in _parsers("photostyle", build_parser()):
        parser.formatter_class = lambda prog: argparse.HelpFormatter(prog, width=92)
        parts.append(f"## `{name}`\n\n```text\n{parser.format_help().rstrip()}\n```\n")
    return "\n".join(parts)


def _parsers(name: str, parser: argparse.ArgumentParser) -> list[tuple[str, argparse.ArgumentParser]]:
    found = [(name, parser)]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command, child in action.choices.items():
                found += _parsers(f"{name} {command}", child)
    return found


def _reference() -> str:
    """A page with every public name, under the module from which users import it."""
    parts = [
        "# Reference\n",
        "Every public name, from its docstring. What the names promise is [here](promises.md).\n",
    ]
    for module, title in ((photostyle_native, "The package"), (ops, "Operators"), (metrics, "Metrics")):
        parts.append(f"## {title}: `{module.__name__}`\n\n```{{eval-rst}}\n.. py:module:: {module.__name__}\n```\n")
        for name in sorted(module.__all__, key=str.lower):
            parts.append(_directive(module.__name__, name, getattr(module, name)))
    return "\n".join(parts)


def _directive(module: str, name: str, value: object) -> str:
    if isinstance(value, type):
        kind, options = "autoclass", "\n   :members:\n   :special-members: __call__, __matmul__"
        if issubclass(value, (Exception, Warning)):
            kind, options = "autoexception", ""
    elif callable(value):
        kind, options = "autofunction", ""
    elif hasattr(value, "__path__"):
        return ""  # a module has a section of its own
    else:
        kind, options = "py:data", f"\n\n   {_plain(value)}"
    return f"```{{eval-rst}}\n.. {kind}:: {module}.{name}{options}\n```\n"


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return "; ".join(f"``{key}``: {getattr(entry, 'about', entry)}" for key, entry in value.items())
    return f"``{value!r}``" if isinstance(value, str) else ", ".join(f"``{getattr(v, 'key', v)}``" for v in value)  # type: ignore[attr-defined]


def _gallery(root: Path, folder: Path) -> str:
    """A page with a section for each example: what it shows, its picture and its source."""
    parts = [
        "# Gallery\n",
        "Each example does one job twice: as a project does it today, and with this package. The pictures were made "
        "by this package when this page was built. [Recipes](recipes.md) says what each change gains.\n",
    ]
    for path in sorted((root / "examples").glob("[!_]*.py")):
        source = path.read_text(encoding="utf-8")
        about, change, *more = (ast.get_docstring(ast.parse(source)) or "").split("\n\n")
        picture = gallery_pictures.make(path.stem, folder)
        parts += [
            f"## {path.stem}\n",
            about.replace("\n", " ") + "\n",
            f"```diff\n{change}\n```\n",
            *(f"{text}\n" for text in more),
        ]
        parts += [f"![{picture.caption}]({picture.name})\n", f"{picture.caption}\n"]
        parts += [f"```{{literalinclude}} ../../examples/{path.name}\n:language: python\n```\n"]
    return "\n".join(parts)
