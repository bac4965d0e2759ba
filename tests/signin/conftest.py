"""The site of tests/requests with sensitive views, and the orders in which sign-ins can overlap."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from frontdesk import conf
from frontdesk.core.flow import Flow
from tests.fixtures import *  # noqa: F403
from tests.signin import site as sensitive_site

URLS = "tests.signin.site"


@pytest.fixture(autouse=True)
def _site(site, settings):
    settings.ROOT_URLCONF = URLS
    sensitive_site.seen.clear()


@pytest.fixture
def set_options(settings) -> Callable[..., None]:
    """Change settings of ``FRONTDESK`` without making another storage."""

    def change(**options: Any) -> None:
        settings.FRONTDESK.update(options)
        conf.options.cache_clear()

    return change


def every_order(begin: Callable[[], list[Flow[Any]]]) -> Iterator[None]:
    """Run the flows that ``begin()`` returns in every order of their steps; yield after each order.

    A step is one call of a storage.
    """
    todo: list[list[int]] = [[]]
    while todo:
        order = todo.pop()
        flows = [_stepwise(flow) for flow in begin()]
        running, place = set(range(len(flows))), 0
        while running:
            if place == len(order):
                first, *others = sorted(running)
                todo += [[*order, other] for other in others]
                order = [*order, first]
            if next(flows[order[place]], None) is None:
                running.discard(order[place])
            place += 1
        yield


def _stepwise(flow: Flow[Any]) -> Iterator[bool]:
    answer: Any = None
    try:
        while True:
            call = flow.send(answer)
            answer = getattr(call.target, call.name)(*call.args)
            yield True
    except StopIteration:
        return
