"""What the templates of frontdesk define and use: blocks, and variables of the context."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.template import Engine, Node, NodeList, Variable
from django.template.base import FilterExpression, Token, TokenType
from django.template.loader_tags import BlockNode
from django.template.smartif import TokenBase

import frontdesk

FOLDER = Path(frontdesk.__file__).parent / "templates"
TEMPLATES = sorted(
    path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()
)

LITERALS = {"True", "False", "None", "block", "forloop"}


def nodes_of(name: str) -> NodeList:
    engine = Engine(
        libraries={
            "frontdesk": "frontdesk.templatetags.frontdesk",
            "i18n": "django.templatetags.i18n",
            "static": "django.templatetags.static",
        }
    )
    return engine.from_string((FOLDER / name).read_text(encoding="utf-8")).nodelist


def blocks_of(name: str) -> set[str]:
    """The names of the blocks that a template defines or fills."""
    found: list[Any] = nodes_of(name).get_nodes_by_type(BlockNode)
    return {node.name for node in found}


def variables_of(name: str) -> set[str]:
    """The variables that a template takes from its context: without those that it sets itself."""
    used: set[str] = set()
    own: set[str] = set(LITERALS)
    for node in nodes_of(name).get_nodes_by_type(Node):
        own |= set(_names_set_by(node))
        parts = {name: part for name, part in vars(node).items() if name != "token"}
        used |= set(_names_in(list(parts.values())))
    return used - own


def _names_set_by(node: Any) -> Iterator[str]:
    yield from getattr(node, "loopvars", ())  # for
    given = dict(getattr(node, "extra_context", None) or {})  # with, include, blocktranslate
    if getattr(node, "countervar", None):  # blocktranslate
        given[node.countervar] = node.counter
    # "count=count" takes the variable from the context.
    yield from (name for name, value in given.items() if name not in _names_in(value))
    for attribute in ("asvar", "target_var", "variable"):  # url, simple tags, get_current_language
        name = getattr(node, attribute, None)
        if isinstance(name, str):
            yield name


def _names_in(value: Any) -> Iterator[str]:
    if isinstance(value, Variable):
        yield from (value.lookups or ())[:1]
    elif isinstance(value, Token) and value.token_type is TokenType.VAR:  # of blocktranslate
        yield value.contents
    for each in _parts_of(value):
        yield from _names_in(each)


def _parts_of(value: Any) -> Iterable[Any]:
    if isinstance(value, FilterExpression):
        arguments = [argument for _, given in value.filters for argument in given]
        return [value.var, *(each for is_name, each in arguments if is_name)]
    if isinstance(value, TokenBase):  # an operator or a literal of {% if %}
        return [value.first, value.second, value.value]
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list | tuple) else ()
