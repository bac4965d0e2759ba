"""Configuration of the documentation site: make site."""

import os
import re
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "src"))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings_for_site")
sys.path.insert(0, str(HERE / "_site"))

import django  # noqa: E402

django.setup()

from docutils import nodes  # noqa: E402
from sphinx.application import Sphinx  # noqa: E402
from sphinx.writers.html5 import HTML5Translator  # noqa: E402

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
# The heading above them names the module.
add_module_names = False
# Packages that the modules of frontdesk.contrib need.
autodoc_mock_imports = ["ninja", "rest_framework"]
python_use_unqualified_type_names = True

# Names of Django and Python lead to their documentation. Without a network, the names are looked up
# in the copies here, and the links are the same.
intersphinx_mapping = {
    "python": ("https://docs.python.org/3/", (None, "_site/python.inv")),
    "django": (
        "https://docs.djangoproject.com/en/stable/",
        ("https://docs.djangoproject.com/en/stable/_objects/", "_site/django.inv"),
    ),
}
intersphinx_timeout = 5

# Each name in a docstring or signature leads to its description, except these.
nitpicky = True
nitpick_ignore_regex = [
    # Variables of types.
    ("py:class", r"frontdesk\.(decorators\.ViewFunction|storages\.base\.Result)"),
    # They have no inventory that every build can read.
    ("py:class", r"rest_framework\..*"),
]

DOCUMENTED_AS = {
    "django.contrib.auth.base_user.AbstractBaseUser": "django.contrib.auth.models.AbstractBaseUser",
    "django.core.checks.messages.CheckMessage": "django.core.checks.CheckMessage",
    "django.dispatch.dispatcher.Signal": "django.dispatch.Signal",
    "django.http.request.HttpRequest": "django.http.HttpRequest",
    "django.http.response.HttpResponse": "django.http.HttpResponse",
    "django.http.response.HttpResponseBase": "django.http.HttpResponseBase",
}
"""Where Django describes classes that it defines elsewhere. Signatures name the module that defines one."""

html_theme = "furo"
# The default one underlines what is imported.
pygments_dark_style = "github-dark"
html_title = f"django-frontdesk {version}"
html_static_path = ["_site/static"]
html_css_files = ["site.css"]
html_js_files = [("site.js", {"defer": "defer"})]
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


def copy_pictures(app: Sphinx, failed: Exception | None) -> None:
    """Copy what ``<picture>`` elements name: Sphinx copies only the images of Markdown."""
    if failed is None and app.builder.format == "html":
        shutil.copytree(HERE / "images", Path(app.outdir) / "images", dirs_exist_ok=True)


def as_documented(_app: Sphinx, _env: object, node: nodes.Element, _text: object) -> None:
    """Look for a name where it is described."""
    node["reftarget"] = DOCUMENTED_AS.get(node["reftarget"], node["reftarget"])


SAYS_NOTHING = re.compile(r"\((\*args(: Any)?, )?\*\*kwargs(: Any)?\)|\(\*values\)")


def without_kwargs(
    _app: Sphinx,
    what: str,
    _name: str,
    _obj: object,
    _options: object,
    signature: str,
    returned: str,
) -> tuple[str, str] | None:
    """Leave out the signature of a class that takes whatever its base class does."""
    return ("", returned) if what == "class" and SAYS_NOTHING.fullmatch(signature or "") else None


JOINT = re.compile(
    r"(?<=[\w)\]])([_/(=]|\.(?!(?:py|html|txt|css|js)\b))(?=\w)|(?<=[a-z])(?=[A-Z][a-z])"
)
"""Where a long name may go on in the next line."""
SHORT = 18
"""Characters, up to which a name stays in one line."""


class Translator(HTML5Translator):
    """Lets a line end within a long name in a table or heading, which are narrow on a phone."""

    def visit_Text(self, node: nodes.Text) -> None:  # noqa: N802
        start = len(self.body)
        super().visit_Text(node)
        code = self.protect_literal_text and len(node) > SHORT and _inside(node, nodes.entry)
        if code or _inside(node, nodes.title):
            self.body[start:] = [JOINT.sub(r"\1<wbr>", part) for part in self.body[start:]]


def _inside(node: nodes.Node, kind: type[nodes.Node]) -> bool:
    while node.parent is not None:
        node = node.parent
        if isinstance(node, kind):
            return True
    return False


def setup(app: Sphinx) -> None:
    app.set_translator("html", Translator)
    app.connect("autodoc-process-signature", without_kwargs)
    app.connect("build-finished", copy_pictures)
    # Before intersphinx, which then looks for the new name.
    app.connect("missing-reference", as_documented, priority=400)
