"""Every public method that does I/O exists in both colours, with one signature."""

import importlib
import inspect
import pkgutil

import pytest
from django.contrib.sessions.backends.base import SessionBase

import frontdesk
from frontdesk import engine, middleware, sessions
from frontdesk.storages.base import ReadsUser, Storage

VERBS = set(Storage.__abstractmethods__)


def modules():
    names = (info.name for info in pkgutil.walk_packages(frontdesk.__path__, "frontdesk."))
    return [
        importlib.import_module(name)
        for name in names
        if not name.startswith(("frontdesk.migrations", "frontdesk.testing"))
    ]


def storage_classes():
    return sorted(
        {
            thing
            for module in modules()
            for thing in vars(module).values()
            if inspect.isclass(thing) and issubclass(thing, Storage)
        },
        key=lambda kind: kind.__qualname__,
    )


def public_functions(owner):
    return {
        name: inspect.getattr_static(owner, name)
        for name in dir(owner)
        if not name.startswith("_") and inspect.isroutine(getattr(owner, name))
    }


def signature(owner, name):
    return inspect.signature(getattr(owner, name)).replace(
        return_annotation=inspect.Signature.empty
    )


def twins(owner):
    """Pairs of names: those of which both colours exist."""
    names = public_functions(owner)
    return [(name, f"a{name}") for name in names if f"a{name}" in names]


def is_async(owner, name):
    return inspect.iscoroutinefunction(getattr(owner, name))


# --- the session --------------------------------------------------------------------------------------

ONE_COLOUR = {
    "brought_by": "looks only at what came",
    "clear": "touches only the dictionary",
    "decode": "computes",
    "encode": "computes",
    "get_session_cookie_age": "computes",
    "is_empty": "looks only at what was read",
    "renew_sign_in": "notes what the next save is to do",
    "when_signed_in": "notes what the next save is to do",
    # Flows have no colour: run() and arun() give them one.
    **dict.fromkeys(
        [
            *(
                "created",
                "cycled",
                "deleted",
                "disowned",
                "existing",
                "flushed",
                "flushed_again",
                "loaded",
            ),
            *("modified_by", "opened", "saved", "touched"),
        ],
        "a flow",
    ),
}

NOT_A_TWIN = {"aset": "the twin of __setitem__, as in Django"}


def test_every_method_of_the_session_has_its_twin():
    names = public_functions(engine.SessionStore)
    paired = {name for pair in twins(engine.SessionStore) for name in pair}
    assert set(names) - paired == ONE_COLOUR.keys() | NOT_A_TWIN.keys()


@pytest.mark.parametrize(("plain", "twin"), twins(engine.SessionStore))
def test_twins_of_the_session_have_one_signature(plain, twin):
    assert signature(engine.SessionStore, plain) == signature(engine.SessionStore, twin)
    assert is_async(engine.SessionStore, twin)
    assert not is_async(engine.SessionStore, plain)


def test_aset_takes_what_setitem_takes():
    store = engine.SessionStore
    assert [*inspect.signature(store.__setitem__).parameters] == [
        *inspect.signature(store.aset).parameters
    ]


@pytest.mark.parametrize(
    "name",
    sorted(name for name in public_functions(SessionBase) if name in vars(engine.SessionStore)),
)
def test_a_method_of_djangos_session_keeps_its_signature(name):
    assert [*signature(engine.SessionStore, name).parameters] == [
        *signature(SessionBase, name).parameters
    ]


@pytest.mark.parametrize("kind", engine.SessionStore.__mro__[:2])
def test_whoever_overrides_one_colour_overrides_the_other(kind):
    """The failure of several packages: ``save`` overridden, ``asave`` inherited."""
    own = {name for name in vars(kind) if not name.startswith("_")}
    halves = [(plain, twin) for plain, twin in twins(kind) if (plain in own) != (twin in own)]
    assert halves in ([], [("delete_test_cookie", "adelete_test_cookie")])  # Django's own slip


def test_no_flow_is_public_by_accident():
    flows = {
        name
        for name, function in public_functions(engine.SessionStore).items()
        if inspect.isgeneratorfunction(function)
    }
    assert flows == {name for name, reason in ONE_COLOUR.items() if reason == "a flow"}


# --- storages -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", storage_classes())
@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_of_every_storage_has_its_twin(kind, verb):
    twin = f"a{verb}"
    assert is_async(kind, twin)
    assert not is_async(kind, verb)
    assert [*signature(kind, verb).parameters] == [*signature(kind, twin).parameters]
    assert [*signature(kind, verb).parameters] == [*signature(Storage, verb).parameters]


ONE_COLOUR_OF_A_STORAGE = {
    "after_commit": "where there is a transaction, there is no await",
    "check": "runs in manage.py check only",
    "check_deployed": "runs in manage.py check only",
    "count_expired": "for the command, which is synchronous",
    "live_rows": "for the admin, which is synchronous",
    "move": "for the command, which is synchronous",
    "scan": "for the admin and the command, which are synchronous",
}


@pytest.mark.parametrize("kind", storage_classes())
def test_a_storage_has_no_method_of_one_colour(kind):
    names = set(public_functions(kind))
    paired = {name for pair in twins(kind) for name in pair}
    assert names - paired <= ONE_COLOUR_OF_A_STORAGE.keys()


def test_the_optional_read_has_its_twin():
    assert signature(ReadsUser, "read_with_user") == signature(ReadsUser, "aread_with_user")
    assert is_async(ReadsUser, "aread_with_user")


@pytest.mark.parametrize("kind", [kind for kind in storage_classes() if kind is not Storage])
def test_a_native_twin_is_not_only_half_of_the_verbs(kind):
    """A storage overrides all of the twins or none: half of them would hop and half would not."""
    native = {verb for verb in VERBS if f"a{verb}" in vars(kind)}
    assert native in (set(), VERBS)


# --- functions ----------------------------------------------------------------------------------------

NO_TWIN = {
    "end_all_of": "a flow",
    "info_of": "computes",
}


def test_every_function_of_sessions_has_its_twin():
    own = {
        name: function
        for name, function in inspect.getmembers(sessions, inspect.isfunction)
        if function.__module__ == sessions.__name__ and not name.startswith("_")
    }
    plain = {name for name, function in own.items() if not inspect.iscoroutinefunction(function)}
    coloured = own.keys() - plain
    assert coloured == {f"a{name}" for name in plain - NO_TWIN.keys()}
    for name in plain - NO_TWIN.keys():
        assert signature(sessions, name) == signature(sessions, f"a{name}")


# --- middleware ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", [middleware.SessionMiddleware, middleware.AuthenticationMiddleware]
)
def test_the_middleware_is_a_subclass_of_djangos(kind):
    """Or the admin's checks, and others, would not know it."""
    assert kind.__mro__[1].__module__.startswith("django.contrib.")
    assert kind.__mro__[1].__name__ == kind.__name__


def test_the_shells_of_the_session_middleware_have_one_signature():
    kind = middleware.SessionMiddleware
    assert (
        inspect.signature(kind.__call__).parameters == inspect.signature(kind.__acall__).parameters
    )
    assert inspect.iscoroutinefunction(kind.__acall__)
