"""The site, the browsers, the users and the clock of these tests."""

import pytest

from tests.fixtures import *  # noqa: F403


@pytest.fixture(autouse=True)
def _site(site):
    """Every test here visits the site."""
