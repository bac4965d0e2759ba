"""The settings: defaults, types, names, and that they are read when they are needed."""

from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from django.utils.translation import gettext_lazy

from frontdesk import conf
from frontdesk.core.throttle import Limit
from frontdesk.errors import InvalidSetting
from frontdesk.storages import get_storage
from frontdesk.storages.database import DatabaseStorage
from frontdesk.storages.memory import MemoryStorage

SECOND = 1_000_000
DAY = 86_400 * SECOND

DEFAULTS = {
    "storage": {"BACKEND": "frontdesk.storages.database.DatabaseStorage", "OPTIONS": {}},
    "migrate_from": None,
    "idle_timeout": 14 * DAY,
    "absolute_timeout": 30 * DAY,
    "activity_interval": 60 * SECOND,
    "header_carrier": "off",
    "trusted_proxy_count": 0,
    "client_info": "full",
    "reauth_age": 15 * 60 * SECOND,
    "max_sessions_per_user": 100,
    "at_max_sessions": "end_oldest",
    "remember_me": False,
    "throttle_device": Limit(10, 15 * 60 * SECOND),
    "throttle_account": Limit(10, 15 * 60 * SECOND),
    "throttle_network": Limit(100, 15 * 60 * SECOND),
    "throttle_reset": Limit(5, 60 * 60 * SECOND),
    "history_retention": 90 * DAY,
    "new_device_mail": False,
    "api_scopes": {},
    "api_token_age": 90 * DAY,
    "api_token_max_age": 366 * DAY,
    "api_token_mail": False,
    "admin_shows_data": False,
    "api_user": None,
}


@pytest.mark.parametrize(("name", "default"), DEFAULTS.items())
def test_the_default_of(settings, name, default):
    del settings.FRONTDESK
    assert getattr(conf.options(), name) == default


def test_every_setting_has_its_default_tested():
    assert {name.upper() for name in DEFAULTS} == set(conf.settings())


@pytest.mark.parametrize("name", conf.settings())
def test_every_setting_has_a_help_and_a_default_of_its_type(name):
    setting = conf.settings()[name]
    assert setting["help"]
    assert setting["problem"](setting["default"]()) is None


def test_the_idle_limit_follows_djangos_cookie_age(settings):
    settings.SESSION_COOKIE_AGE = 3600
    assert conf.options().idle_timeout == 3600 * SECOND


def test_the_idle_limit_of_its_own_comes_before_djangos_cookie_age(settings):
    settings.SESSION_COOKIE_AGE = 3600
    settings.FRONTDESK = {"IDLE_TIMEOUT": timedelta(minutes=5)}
    assert conf.options().idle_timeout == 300 * SECOND


def test_no_absolute_limit_is_a_setting_too(settings):
    settings.FRONTDESK = {"ABSOLUTE_TIMEOUT": None}
    assert conf.options().absolute_timeout is None


WRONG = [
    ("STORAGE", "frontdesk.storages.memory.MemoryStorage"),
    ("STORAGE", {}),
    ("STORAGE", {"BACKEND": MemoryStorage}),
    ("STORAGE", {"BACKEND": "a.b", "OPTIONS": None}),
    ("STORAGE", {"BACKEND": "a.b", "DIRECTORY": "/tmp"}),
    ("STORAGE", None),
    ("IDLE_TIMEOUT", 3600),
    ("IDLE_TIMEOUT", None),
    ("IDLE_TIMEOUT", timedelta(0)),
    ("IDLE_TIMEOUT", timedelta(seconds=-1)),
    ("ABSOLUTE_TIMEOUT", 3600),
    ("ABSOLUTE_TIMEOUT", timedelta(0)),
    ("ABSOLUTE_TIMEOUT", "30 days"),
    ("ABSOLUTE_TIMEOUT", False),
    ("ACTIVITY_INTERVAL", 60),
    ("ACTIVITY_INTERVAL", timedelta(seconds=-1)),
    ("ACTIVITY_INTERVAL", None),
    ("TRUSTED_PROXY_COUNT", -1),
    ("TRUSTED_PROXY_COUNT", True),
    ("TRUSTED_PROXY_COUNT", "1"),
    ("TRUSTED_PROXY_COUNT", 1.0),
    ("CLIENT_INFO", "some"),
    ("CLIENT_INFO", None),
    ("CLIENT_INFO", ["full"]),
    ("API_SCOPES", ["orders:read"]),
    ("API_SCOPES", {"orders read": "Read orders"}),
    ("API_SCOPES", {"": "Read orders"}),
    ("API_SCOPES", {'"': "Read orders"}),
    ("API_SCOPES", {"orders:read": None}),
    ("API_TOKEN_AGE", None),
    ("API_TOKEN_MAX_AGE", None),
    ("API_USER", "username"),
    ("API_USER", ["id", "username"]),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_value_is_an_error_that_names_key_and_value(settings, name, value):
    settings.FRONTDESK = {name: value}
    with pytest.raises(InvalidSetting) as raised:
        conf.options()
    assert f"FRONTDESK[{name!r}]" in str(raised.value)
    assert repr(value) in str(raised.value)


def test_an_invalid_setting_is_djangos_kind_of_error():
    assert issubclass(InvalidSetting, ImproperlyConfigured)


@pytest.mark.parametrize("value", [None, [], "STORAGE", 1])
def test_settings_that_are_no_dictionary_are_an_error(settings, value):
    settings.FRONTDESK = value
    with pytest.raises(InvalidSetting, match="should be a dictionary"):
        conf.options()


RIGHT = [
    ("ACTIVITY_INTERVAL", timedelta(0)),
    ("STORAGE", {"BACKEND": "frontdesk.storages.memory.MemoryStorage"}),
    ("TRUSTED_PROXY_COUNT", 3),
    *(("CLIENT_INFO", choice) for choice in ("full", "masked", "off")),
    ("API_SCOPES", {"orders:read": gettext_lazy("Signed in"), "*": "Everything"}),
    ("API_USER", str),
    ("API_USER", "shop.users.in_public"),
]


@pytest.mark.parametrize(("name", "value"), RIGHT)
def test_a_right_value_is_taken(settings, name, value):
    settings.FRONTDESK = {name: value}
    assert conf.problems() == []
    conf.options()


NEAR = [
    ("IDLE_TIMOUT", "IDLE_TIMEOUT"),
    ("idle_timeout", "IDLE_TIMEOUT"),
    ("STORAGES", "STORAGE"),
    ("ABSOLUTE", "ABSOLUTE_TIMEOUT"),
    ("PROXY_COUNT", "TRUSTED_PROXY_COUNT"),
    ("XYZZY", None),
    (7, None),
]


@pytest.mark.parametrize(("key", "near"), NEAR)
def test_an_unknown_key_suggests_the_nearest(settings, key, near):
    settings.FRONTDESK = {key: 1}
    assert conf.unknown() == [(str(key), near)]


def test_settings_may_be_overridden_in_a_test():
    with override_settings(FRONTDESK={"CLIENT_INFO": "off"}):
        assert conf.options().client_info == "off"
    assert conf.options().client_info == "full"


def test_the_storage_follows_the_settings():
    assert type(get_storage()) is DatabaseStorage
    memory = {"STORAGE": {"BACKEND": "frontdesk.storages.memory.MemoryStorage"}}
    with override_settings(FRONTDESK=memory):
        assert type(get_storage()) is MemoryStorage
        assert get_storage() is get_storage()
    assert type(get_storage()) is DatabaseStorage


def test_a_project_without_the_app_is_told_to_add_it(settings):
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "frontdesk"]
    with pytest.raises(InvalidSetting, match=r'^Add "frontdesk" to INSTALLED_APPS'):
        get_storage()
