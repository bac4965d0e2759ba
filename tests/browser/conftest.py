"""The demo site in a real Chromium: one server per test, one browser per run.

Playwright's synchronous API keeps an event loop running in its thread, and Django refuses to
touch the database from such a thread. So the browser has a thread of its own, and the test
functions that use it run there; fixtures, which do touch the database, run where they always
do. A test that needs the database must ask a fixture for it.
"""

import importlib
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.management import call_command
from django.test.testcases import LiveServerThread

from tests import services

EXAMPLE = Path(__file__).resolve().parents[2] / "example"
SANDBOX = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
LOCMEM = "django.core.mail.backends.locmem.EmailBackend"

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


@pytest.fixture(scope="session")
def lobby_settings() -> Iterator[ModuleType]:
    """The demo's settings as they are, with its data in the run's own directory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLE)
        patch.setenv("FRONTDESK_DEMO_VAR", str(services.RUN_DIR / "lobby"))
        patch.delenv("FRONTDESK_DEMO_STORAGE", raising=False)
        yield importlib.import_module("lobby.settings")
        for name in [name for name in sys.modules if name.split(".")[0] == "lobby"]:
            del sys.modules[name]


@pytest.fixture(params=["database", "cache", "file"])
def storage(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def site(storage, lobby_settings, settings, transactional_db) -> Iterator[str]:
    """The address of a running demo with its two accounts, on each storage."""
    own = {"DATABASES", "EMAIL_BACKEND", "MAILERS"}
    for name in vars(lobby_settings):
        if name.isupper() and name not in own:
            setattr(settings, name, getattr(lobby_settings, name))
    settings.MAILERS = {"default": {"BACKEND": LOCMEM}}
    settings.MIDDLEWARE = ["tests.browser.csp.strict_csp", *settings.MIDDLEWARE]
    settings.SESSION_STORAGE = storage
    settings.FRONTDESK = {"STORAGE": lobby_settings.SESSION_STORAGES[storage]}
    call_command("createcachetable", verbosity=0)
    accounts = importlib.import_module("lobby.accounts")
    for account in accounts.ACCOUNTS:
        accounts.ensure(account)
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
    from playwright.sync_api import sync_playwright

    playwright = in_browser(sync_playwright().start)
    path = services.chromium_path()
    chromium = in_browser(playwright.chromium.launch, executable_path=path, args=SANDBOX)
    yield chromium
    in_browser(chromium.close)
    in_browser(playwright.stop)


@pytest.fixture
def look() -> dict[str, Any]:
    """How the browser is set up; a test overrides it with @pytest.mark.parametrize("look", ...)."""
    return {}


@pytest.fixture
def page(site: str, browser: Any, in_browser: Run, look: dict[str, Any]) -> Iterator[Any]:
    """A tab of a browser that nobody has used. Whatever it complains about fails the test."""
    complaints: list[str] = []
    options = {"base_url": site, "locale": "en-GB", **look}
    tab = in_browser(open_tab, browser, options, complaints.append)
    yield tab
    in_browser(tab.context.close)
    assert complaints == []


def open_tab(browser: Any, options: dict[str, Any], complain: Callable[[str], None]) -> Any:
    context = browser.new_context(**options)
    context.set_default_timeout(10_000)
    tab = context.new_page()
    tab.on("console", lambda message: complain(f"{message.location['url']}: {message.text}"))
    tab.on("pageerror", lambda error: complain(str(error)))
    return tab
