"""Configuration of the documentation site (Sphinx). `docs/build` makes the site; a warning is an error."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "docs"))

import generated_pages  # noqa: E402

import photostyle_native  # noqa: E402

project = "photostyle_native"
author = "the authors of photostyle_native"
release = version = photostyle_native.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["api.md", "metrics.md", "recipes.md", "video.md", "web.md", "generated/home.md"]
root_doc = "index"

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
# In a docstring, text in single backquotes is a link if it is a public name, and code otherwise.
default_role = "py:obj"

html_theme = "furo"
html_title = f"photostyle_native {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}

generated_pages.write(ROOT)
