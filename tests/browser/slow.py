"""Pictures that take their time: each waits until the test lets it go."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.http import HttpResponse

PIXEL = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)

LOAD = """urls => {
    window.pictures = Promise.all(urls.map(url => new Promise(done => {
        const picture = new Image();
        picture.onload = picture.onerror = done;
        picture.src = url;
    })));
}"""

_arrived = threading.Semaphore(0)
_gate = threading.Event()


def picture(request, order, number):
    """Use the session before the gate opens ("early"), after it ("late"), or at both times."""
    if order in {"early", "both"}:
        _use(request)
    _arrived.release()
    if not _gate.wait(timeout=20):
        return HttpResponse("the test never opened the gate", status=504)
    if order in {"late", "both"}:
        _use(request)
    return HttpResponse(PIXEL, content_type="image/gif")


def _use(request):
    request.session["pictures"] = request.session.get("pictures", 0) + 1
    bool(request.user.is_authenticated)


@contextmanager
def pictures_under_way(tab, *orders: str) -> Iterator[None]:
    """Start loading pictures in ``tab``; they arrive now, and are answered when the block is left."""
    _gate.clear()
    tab.evaluate(LOAD, [f"/picture/{order}/{number}/" for number, order in enumerate(orders)])
    for _ in orders:
        assert _arrived.acquire(timeout=10), "a picture was never asked for"
    yield
    _gate.set()
    tab.evaluate("() => window.pictures")
