"""Instances without Django's detours: what Django makes, and whoever takes part in the making still does."""

import pytest
from django.contrib.auth import get_user_model
from django.db.models.base import ModelState
from django.db.models.signals import post_init, pre_init
from django.test.utils import isolate_apps

from frontdesk import instances
from frontdesk.instances import Instances

User = get_user_model()
NAMES = [field.attname for field in User._meta.concrete_fields]
VALUES = [f"value of {name}" for name in NAMES]


def made(model=User, times=2):
    """Return the instance that is made last, and how many of them Django has made."""
    by_django = []

    class Seen(Instances):
        def _ordinary(self, values):
            by_django.append(values)
            return super()._ordinary(values)

    maker = Seen(model, "default", NAMES)
    return [maker.make(VALUES) for _ in range(times)][-1], len(by_django)


def proxy(*mixins, **members):
    """Return a model like the user's, with members of its own."""
    meta = type("Meta", (), {"proxy": True, "app_label": "auth"})
    with isolate_apps("django.contrib.auth"):
        return type("Own", (User, *mixins), {"__module__": __name__, "Meta": meta, **members})


def test_it_is_what_django_makes():
    found, _ = made()
    expected = User.from_db("default", NAMES, VALUES)
    assert vars(found).keys() == vars(expected).keys()
    assert [getattr(found, name) for name in NAMES] == VALUES
    assert (found._state.db, found._state.adding) == ("default", False)


def test_django_makes_the_first_one_only():
    assert made(times=5)[1] == 1


def own_new(kind, *args):
    return super(User, kind).__new__(kind)


def own_init(self, *args):
    super(User, self).__init__(*args)


def own_setattr(self, name, value):
    object.__setattr__(self, name, value)


@classmethod
def own_from_db(kind, *args):
    return super(User, kind).from_db(*args)


@pytest.mark.parametrize(
    "members",
    [
        {"__new__": own_new},
        {"__init__": own_init},
        {"__setattr__": own_setattr},
        {"from_db": own_from_db},
    ],
    ids=lambda members: next(iter(members)),
)
def test_a_model_with_a_method_of_its_own_is_made_by_django(members):
    assert made(proxy(**members))[1] == 2


def test_a_model_with_a_mixin_behind_djangos_is_made_by_django():
    class Mixin:
        def __init__(self):
            self.mixed = True

    found, by_django = made(proxy(Mixin))
    assert (found.mixed, by_django) == (True, 2)


def test_a_field_with_a_descriptor_of_its_own_is_set_by_it():
    model, kept = proxy(), []
    name = User.USERNAME_FIELD
    setattr(model, name, property(lambda self: kept[-1], lambda self, value: kept.append(value)))
    found, by_django = made(model)
    assert getattr(found, name) == VALUES[NAMES.index(name)]
    assert by_django == 2


@pytest.mark.parametrize("signal", [pre_init, post_init])
def test_a_receiver_that_comes_later_hears_of_each(signal):
    heard = []

    def receiver(**_):
        heard.append(1)

    maker = Instances(User, "default", NAMES)
    maker.make(VALUES)
    signal.connect(receiver)
    try:
        maker.make(VALUES)
    finally:
        signal.disconnect(receiver)
    assert len(heard) == 1


def test_a_tool_that_comes_later_sees_each(monkeypatch):
    maker, seen = Instances(User, "default", NAMES), []
    maker.make(VALUES)
    as_it_is = User.__init__

    def init(self, *args):
        seen.append(self)
        as_it_is(self, *args)

    monkeypatch.setattr(User, "__init__", init)
    maker.make(VALUES)
    assert len(seen) == 1


def test_a_class_that_makes_its_instances_itself_does(monkeypatch):
    monkeypatch.setattr(type(User), "__call__", type.__call__.__get__, raising=False)
    assert not Instances(User, "default", NAMES)._is_plain()


def test_some_of_the_fields_are_left_to_django():
    maker = Instances(User, "default", NAMES[:-1])
    assert maker.make(VALUES[:-1]).get_deferred_fields() == {NAMES[-1]}


def test_where_django_makes_them_otherwise_django_makes_them(monkeypatch):
    class Another(ModelState):
        def __init__(self):
            self.news = True

    monkeypatch.setattr(instances, "ModelState", Another)
    assert made()[1] == 2
