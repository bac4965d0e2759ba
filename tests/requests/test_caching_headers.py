"""What caches are told: whose page it is, and that they must not keep it."""

import pytest
from django.http import HttpResponse
from django.views.decorators.cache import cache_control, never_cache

from frontdesk import carriers
from tests.requests.browsers import clears, cookie, directives, varies

pytestmark = pytest.mark.django_db

KEY = "a1" * 16


def answering(**headers):
    """A task that keeps something, and answers with headers of its own."""

    def task(request):
        request.session["cart"] = 1
        return HttpResponse("done", headers=headers)

    return task


# --- Vary -----------------------------------------------------------------------------------------


def test_a_page_that_does_not_look_is_the_same_for_all(member):
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
def test_a_page_that_looks_varies_for_visitors_without_a_cookie_too(browser, look):
    """Otherwise their page would be shown to members."""
    assert varies(browser.do(look))


def test_a_page_that_looks_varies_for_a_cookie_that_is_left_alone(new_browser, clock):
    first, straggler = new_browser(), new_browser()
    first.keep(cart=1)
    straggler.key = first.key
    first.do(lambda request: request.session.cycle_key())
    response = straggler.do(LOOKS["session"])
    assert cookie(response) is None
    assert varies(response)


def test_other_reasons_to_vary_are_kept(member):
    response = member.do(answering(Vary="Accept-Language"))
    assert response["Vary"] == "Accept-Language, Cookie"


def test_setting_a_cookie_varies(browser):
    assert varies(browser.keep(cart=1))


def test_an_async_view_varies_too(member):
    assert varies(member.get("/ahome/"))


# --- responses that carry a cookie: OWASP CS, web content caching -----------------------------------


@pytest.mark.parametrize("wish", ["public, max-age=600", "max-age=600", "", "no-cache"])
def test_a_response_that_sets_the_cookie_is_not_for_shared_caches(browser, wish):
    response = browser.do(answering(**{"Cache-Control": wish} if wish else {}))
    assert cookie(response)
    assert "private" in directives(response)
    assert "public" not in directives(response)


def test_a_response_that_sets_the_cookie_stays_out_of_all_caches_if_the_view_said_so(browser):
    response = browser.do(answering(**{"Cache-Control": "no-store"}))
    assert directives(response) == {"no-store"}


def test_a_response_that_clears_the_cookie_is_not_for_shared_caches(browser):
    browser.key = KEY

    @cache_control(public=True)
    def look(request):
        return HttpResponse(request.session.get("cart"))

    response = browser.do(look)
    assert clears(response)
    assert "private" in directives(response)
    assert "public" not in directives(response)


# --- pages of signed-in people: ASVS 14.2.2 ---------------------------------------------------------


def test_a_page_of_a_signed_in_person_is_not_for_shared_caches(member):
    assert directives(member.get("/home/")) == {"private"}


def test_a_page_of_a_signed_in_person_in_an_async_view_is_not_for_shared_caches(member):
    assert directives(member.get("/ahome/")) == {"private"}


def test_a_view_that_said_what_it_wants_gets_it(member):
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
def test_a_page_of_an_anonymous_visitor_may_be_cached(browser, page):
    assert directives(browser.get(page)) == set()


def test_a_page_that_does_not_look_may_be_cached_though_somebody_is_signed_in(member):
    assert directives(member.get("/plain/")) == set()


@pytest.mark.parametrize(
    ("given", "expected"), [({}, "Cookie"), ({"Vary": "Accept"}, "Accept, Cookie")]
)
def test_headers_that_are_kept_otherwise_get_what_djangos_get(given, expected):
    """In what Django's keep theirs is a detail of Django's."""
    response = HttpResponse()
    response.headers = given
    carriers.depends_on_cookie(response)
    assert response.headers["Vary"] == expected
