"""Every public method that does I/O has an async twin with the same signature."""

import importlib
import inspect
import pkgutil

import pytest
from django.contrib.sessions.backends.base import SessionBase

import frontdesk
from frontdesk import engine, middleware, sessions
from frontdesk.storages.base import LoadsUser, Storage

PRIMITIVES = sorted(Storage.__abstractmethods__)


def storage_classes():
    names = (info.name for info in pkgutil.walk_packages(frontdesk.__path__, "frontdesk."))
    modules = [
        importlib.import_module(name) for name in names if name.startswith("frontdesk.storages")
    ]
    found = {
        thing
        for module in modules
        for thing in vars(module).values()
        if inspect.isclass(thing) and issubclass(thing, Storage)
    }
    return sorted(found, key=lambda kind: kind.__qualname__)


def public_functions(owner):
    return {
        name
        for name in dir(owner)
        if not name.startswith("_") and inspect.isroutine(getattr(owner, name))
    }


def parameters(owner, name):
    return list(inspect.signature(getattr(owner, name)).parameters.values())


def pairs(owner):
    names = public_functions(owner)
    return [(name, f"a{name}") for name in sorted(names) if f"a{name}" in names]


def is_async(owner, name):
    return inspect.iscoroutinefunction(getattr(owner, name))


def is_flow(owner, name):
    return inspect.isgeneratorfunction(getattr(owner, name))


# --- the session --------------------------------------------------------------------------------

WITHOUT_TWIN = {
    "clear": "touches only the dictionary",
    "decode": "computes",
    "encode": "computes",
    "get_session_cookie_age": "computes",
    "is_empty": "looks only at what was read",
    "renew_sign_in": "notes what the next save has to do",
    "when_signed_in": "notes what the next save has to do",
    "undo_sign_in": "forgets what was read",
    "as_it_will_be": "computes",
    "beside": "makes another one, which is not stored yet",
    "aset": "the twin of __setitem__, as in Django",
}


def test_every_method_of_the_session_has_its_twin():
    names = public_functions(engine.SessionStore)
    paired = {name for pair in pairs(engine.SessionStore) for name in pair}
    flows = {name for name in names if is_flow(engine.SessionStore, name)}
    assert names - paired - flows == WITHOUT_TWIN.keys()


@pytest.mark.parametrize(("name", "twin"), pairs(engine.SessionStore))
def test_twins_of_the_session_have_one_signature(name, twin):
    assert parameters(engine.SessionStore, name) == parameters(engine.SessionStore, twin)
    assert is_async(engine.SessionStore, twin)
    assert not is_async(engine.SessionStore, name)


def test_aset_takes_what_setitem_takes():
    store = engine.SessionStore
    expected = list(inspect.signature(store.__setitem__).parameters)
    assert list(inspect.signature(store.aset).parameters) == expected


@pytest.mark.parametrize(
    "name", sorted(public_functions(SessionBase) & vars(engine.SessionStore).keys())
)
def test_djangos_methods_keep_their_parameters(name):
    ours = [each.name for each in parameters(engine.SessionStore, name)]
    assert ours == [each.name for each in parameters(SessionBase, name)]


def test_an_override_is_one_of_both():
    """Several packages override ``save`` and inherit ``asave``."""
    own = {name for name in vars(engine.SessionStore) if not name.startswith("_")}
    halves = [pair for pair in pairs(engine.SessionStore) if (pair[0] in own) != (pair[1] in own)]
    assert halves == [("delete_test_cookie", "adelete_test_cookie")]  # Django's own slip


# --- storages -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", storage_classes())
@pytest.mark.parametrize("name", PRIMITIVES)
def test_every_primitive_of_every_storage_has_its_twin(kind, name):
    twin = f"a{name}"
    assert is_async(kind, twin)
    assert not is_async(kind, name)
    names = [each.name for each in parameters(Storage, name)]
    assert [each.name for each in parameters(kind, name)] == names
    assert [each.name for each in parameters(kind, twin)] == names


@pytest.mark.parametrize("kind", storage_classes())
def test_a_storage_yields_no_call_without_a_twin(kind):
    """What a flow calls by name must exist as a method and as its twin."""
    paired = {name for pair in pairs(kind) for name in pair}
    flows = {name for name in public_functions(kind) if is_flow(kind, name)}
    alone = public_functions(kind) - paired - flows
    sync_only = {
        *("after_commit", "in_transaction", "check", "check_deployed"),
        *("scan", "count_expired", "hop"),
        *("get", "cas"),  # of documents, called by one method that hops as a whole
    }
    assert {name for name in alone if is_async(kind, name)} == set()
    assert alone <= sync_only


def test_the_read_with_the_user_has_its_twin():
    assert parameters(LoadsUser, "load_with_user") == parameters(LoadsUser, "aload_with_user")
    assert is_async(LoadsUser, "aload_with_user")


# --- functions ----------------------------------------------------------------------------------

COMPUTES = {"sessions": {"info_of", "use_header"}}


@pytest.mark.parametrize("module", [sessions], ids=["sessions"])
def test_every_public_function_has_its_twin(module):
    own = {
        name
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if not name.startswith("_") and function.__module__ == module.__name__
    }
    flows = {name for name in own if is_flow(module, name)}
    twins = {name for name in own if is_async(module, name)}
    plain = own - flows - twins - COMPUTES[module.__name__.rpartition(".")[2]]
    assert twins == {f"a{name}" for name in plain}
    for name in plain:
        assert parameters(module, name) == parameters(module, f"a{name}")


# --- middleware ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", [middleware.SessionMiddleware, middleware.AuthenticationMiddleware]
)
def test_the_middleware_is_a_subclass_of_djangos(kind):
    """Otherwise the admin's checks, and other packages, would not know it."""
    parent = kind.__mro__[1]
    assert parent.__module__.startswith("django.contrib.")
    assert parent.__name__ == kind.__name__


def test_both_calls_of_the_middleware_have_one_signature():
    kind = middleware.SessionMiddleware
    expected = inspect.signature(kind.__call__).parameters
    assert inspect.signature(kind.__acall__).parameters == expected
    assert inspect.iscoroutinefunction(kind.__acall__)
