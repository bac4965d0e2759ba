"""What responses tell caches: that they depend on the cookie, and which may be stored."""

import pytest
from django.http import HttpResponse
from django.views.decorators.cache import cache_control, never_cache

from tests.requests.browsers import clears, cookie, directives, varies

pytestmark = pytest.mark.django_db

KEY = "a1" * 20


def sending(**headers):
    """Return a task that writes to the session and sends these headers."""

    def task(request):
        request.session["cart"] = 1
        return HttpResponse("done", headers=headers)

    return task


# --- Vary ---------------------------------------------------------------------------------------


def test_a_page_that_does_not_look_does_not_vary(member):
    assert not varies(member.get("/plain/"))


LOOKS = {
    "session": lambda request: request.session.get("cart"),
    "user": lambda request: request.user.is_authenticated,
    "emptiness": lambda request: request.session.keys(),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_a_page_that_looks_at_the_session_varies(member, look):
    assert varies(member.do(look))


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_a_page_that_looks_varies_without_a_cookie_too(browser, look):
    """Otherwise a cache would show that page to signed-in users."""
    assert varies(browser.do(look))


def test_a_page_varies_though_it_leaves_the_cookie_alone(new_browser, clock):
    first, late = new_browser(), new_browser()
    first.put(cart=1)
    late.key = first.key
    first.do(lambda request: request.session.cycle_key())
    response = late.do(LOOKS["session"])
    assert cookie(response) is None
    assert varies(response)


def test_other_reasons_to_vary_are_kept(member):
    response = member.do(sending(Vary="Accept-Language"))
    assert response["Vary"] == "Accept-Language, Cookie"


def test_setting_a_cookie_varies(browser):
    assert varies(browser.put(cart=1))


def test_an_async_view_varies_too(member):
    assert varies(member.get("/ahome/"))


# --- responses with a cookie: OWASP Session Management, Web Content Caching --------------------


@pytest.mark.parametrize("wanted", ["public, max-age=600", "max-age=600", "", "no-cache"])
def test_a_response_that_sets_the_cookie_is_private(browser, wanted):
    response = browser.do(sending(**{"Cache-Control": wanted} if wanted else {}))
    assert cookie(response)
    assert "private" in directives(response)
    assert "public" not in directives(response)


def test_a_response_that_sets_the_cookie_keeps_no_store(browser):
    response = browser.do(sending(**{"Cache-Control": "no-store"}))
    assert directives(response) == {"no-store"}


def test_a_response_that_clears_the_cookie_is_private(browser):
    browser.key = KEY

    @cache_control(public=True)
    def look(request):
        return HttpResponse(request.session.get("cart"))

    response = browser.do(look)
    assert clears(response)
    assert "private" in directives(response)
    assert "public" not in directives(response)


# --- pages of signed-in users: OWASP ASVS 14.2.2 ----------------------------------------------


@pytest.mark.parametrize("page", ["/home/", "/ahome/"])
def test_a_page_of_a_signed_in_user_is_private(member, page):
    assert directives(member.get(page)) == {"private"}


def test_a_views_own_cache_control_stays(member):
    @cache_control(public=True, max_age=60)
    def news(request):
        return HttpResponse(request.user)

    assert directives(member.do(news)) == {"public", "max-age=60"}


def test_a_view_that_is_never_cached_stays_so(member):
    @never_cache
    def secret(request):
        return HttpResponse(request.user)

    assert "no-store" in directives(member.do(secret))


@pytest.mark.parametrize("page", ["/plain/", "/home/"])
def test_a_page_of_an_anonymous_user_may_be_cached(browser, page):
    assert directives(browser.get(page)) == set()


def test_a_page_that_does_not_look_may_be_cached(member):
    assert directives(member.get("/plain/")) == set()
