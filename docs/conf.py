"""Configuration of the documentation site: make site."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "src"))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings_for_site")
sys.path.insert(0, str(HERE / "_site"))

import django  # noqa: E402

django.setup()

import frontdesk  # noqa: E402

project = "django-frontdesk"
author = "django-frontdesk contributors"
project_copyright = author
version = release = frontdesk.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
]
root_doc = "index"
exclude_patterns = ["_site"]

# Markdown. The code host makes the same anchors of headings.
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "attrs_inline", "attrs_block"]

# The reference of Python names is written from their docstrings.
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True

# Names of Django and Python lead to their documentation. Without a network, the names are looked up
# in the copies here, and the links are the same.
intersphinx_mapping = {
    "python": ("https://docs.python.org/3/", (None, "_site/python.inv")),
}
intersphinx_timeout = 5

html_theme = "furo"
html_title = f"django-frontdesk {version}"
html_static_path = ["_site/static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
templates_path: list[str] = []

# A console block is copied without its prompts.
copybutton_prompt_text = r"\$ "
copybutton_prompt_is_regexp = True

# Pages on hosts that do not answer robots, or that do not exist before the first release.
linkcheck_ignore = [
    r"http://127\.0\.0\.1.*",
    r"https://django-frontdesk\.readthedocs\.io.*",
    r"https://github\.com/django-frontdesk/.*",
]


def copy_pictures(app: Any, failed: Exception | None) -> None:
    """Copy what ``<picture>`` elements name: Sphinx copies only the images of Markdown."""
    if failed is None and app.builder.format == "html":
        shutil.copytree(HERE / "images", Path(app.outdir) / "images", dirs_exist_ok=True)


def setup(app: Any) -> None:
    app.connect("build-finished", copy_pictures)
