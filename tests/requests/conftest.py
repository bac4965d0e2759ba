"""The site, the browsers, the users and the clock of these tests."""

import pytest

from tests.fixtures import *  # noqa: F403
from tests.requests.each_storage import each_storage  # noqa: F401


@pytest.fixture(autouse=True)
def _site(site):
    """Every test here visits the site."""


@pytest.fixture
def tab(new_browser):
    """``tab(browser)`` is another tab of a browser: it has the same cookie for now."""

    def open_tab(browser):
        other = new_browser()
        other.key = browser.key
        return other

    return open_tab
