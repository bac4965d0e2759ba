"""A server that cannot be reached is a 503, whatever kind of server it is."""

import pytest

from tests.fixtures import use
from tests.requests.browsers import cookie
from tests.requests.each_storage import OPENED, Opened
from tests.storages import places

KEY = "a1" * 20

AWAY = [
    pytest.param(place, id=place.name, marks=[pytest.mark.needs(*place.needs), *place.marks])
    for place in places.PLACES
    if place.away
]


@pytest.fixture(params=AWAY)
def storage(request, site, settings, monkeypatch):
    with request.param.away() as opened:
        monkeypatch.setattr(Opened, "current", opened, raising=False)
        yield use(settings, OPENED)


@pytest.mark.django_db
def test_a_server_that_is_gone_signs_no_user_out(storage, browser, caplog):
    browser.key = KEY
    for page in ("/home/", "/ahome/"):
        response = browser.get(page)
        assert (response.status_code, cookie(response)) == (503, None)
    assert browser.put(cart=1).status_code == 503
    assert browser.get("/plain/").status_code == 200
    assert len([line for line in caplog.messages if "cannot answer" in line]) == 1
    assert KEY not in caplog.text
