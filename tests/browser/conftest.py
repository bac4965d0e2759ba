"""A small site in a real Chromium: one server per test, one browser per run.

Playwright's synchronous API keeps an event loop running in its thread, and Django refuses to touch the
database from such a thread. So the browser has a thread of its own, and the test functions that use it run
there. Fixtures, which do touch the database, run where they always do. A test that needs the database asks
a fixture for it.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.test.testcases import LiveServerThread

from tests import services
from tests.browser.steps import EMAIL, NAME, PASSWORD

SANDBOX = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

PATIENCE = 60_000
"""Milliseconds, after which the browser gives up waiting. Only a fault takes that long."""

# What a browser says about a response with this status, which some pages have on purpose.
EXPECTED = (
    "status of 400 (Bad Request)",
    "status of 401 (Unauthorized)",
    "status of 403 (Forbidden)",
    "status of 503 (Service Unavailable)",
)

Run = Callable[..., Any]


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that uses the browser in the browser's thread."""
    if "page" not in pyfuncitem.fixturenames:
        return None
    run: Run = pyfuncitem.funcargs["in_browser"]
    names = pyfuncitem._fixtureinfo.argnames
    run(pyfuncitem.obj, **{name: pyfuncitem.funcargs[name] for name in names})
    return True


# --- the site -----------------------------------------------------------------------------------


@pytest.fixture
def options() -> dict[str, Any]:
    """``settings.FRONTDESK``; a test overrides it with ``@pytest.mark.parametrize("options", ...)``."""
    return {}


@pytest.fixture
def urls() -> str:
    """The URLs of the site; a module overrides it."""
    return "tests.browser.site"


@pytest.fixture
def site(options, urls, settings, transactional_db) -> Iterator[str]:
    """The address of a running site with one user."""
    settings.ROOT_URLCONF = urls
    settings.LOGIN_URL = "login"
    settings.LOGIN_REDIRECT_URL = "/"
    settings.FRONTDESK = options
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
    settings.MIDDLEWARE = [
        "tests.browser.csp.strict_csp",
        *settings.MIDDLEWARE,
        "django.middleware.locale.LocaleMiddleware",
    ]
    User.objects.create_user(NAME, EMAIL, PASSWORD)
    server = LiveServerThread("127.0.0.1", StaticFilesHandler)
    server.daemon = True
    server.start()
    server.is_ready.wait()
    if server.error:
        raise server.error
    yield f"http://127.0.0.1:{server.port}"
    server.terminate()


# --- the browser --------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def in_browser() -> Iterator[Run]:
    """in_browser(function, ...) calls it in the browser's thread and returns its result."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="browser") as pool:
        yield lambda function, *args, **kwargs: pool.submit(function, *args, **kwargs).result()


@pytest.fixture(scope="session")
def browser(in_browser: Run) -> Iterator[Any]:
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    playwright = in_browser(sync_playwright().start)
    path = services.chromium_path()
    chromium = in_browser(playwright.chromium.launch, executable_path=path, args=SANDBOX)
    yield chromium
    in_browser(chromium.close)
    in_browser(playwright.stop)


@pytest.fixture
def look() -> dict[str, Any]:
    """How the browser is set up; a test overrides it with ``@pytest.mark.parametrize("look", ...)``."""
    return {}


@pytest.fixture
def new_tab(site: str, browser: Any, in_browser: Run) -> Iterator[Run]:
    """new_tab(**look) opens a tab of a new browser. Whatever a browser complains about fails the test.

    It is called in the browser's thread.
    """
    complaints: list[str] = []
    contexts = []

    def complain(text: str) -> None:
        if not text.endswith(EXPECTED):
            complaints.append(text)

    def open_tab(**look: Any) -> Any:
        given = {"base_url": site, "locale": "en-GB", **look}
        contexts.append(browser.new_context(**given))
        contexts[-1].set_default_timeout(PATIENCE)
        tab = contexts[-1].new_page()
        tab.on("console", lambda message: complain(message.text))
        tab.on("pageerror", lambda error: complain(str(error)))
        return tab

    yield open_tab
    for context in contexts:
        in_browser(context.close)
    assert complaints == []


@pytest.fixture
def page(new_tab: Run, in_browser: Run, look: dict[str, Any]) -> Any:
    return in_browser(new_tab, **look)
