"""Keys and values as text: any of them survives, and only plain text is needed to keep it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdesk.storages.text import key_as_text, key_from_text, value_as_text, value_from_text

ANY_TEXT = st.text(st.characters())  # surrogates and NUL included


@given(ANY_TEXT)
def test_any_key_survives(key):
    assert key_from_text(key_as_text(key)) == key


@given(ANY_TEXT)
def test_a_key_as_text_is_printable_ascii(key):
    text = key_as_text(key)
    assert text.isascii()
    assert text.isprintable()


@given(ANY_TEXT, ANY_TEXT)
def test_two_keys_are_never_the_same_text(one, two):
    assert (key_as_text(one) == key_as_text(two)) == (one == two)


@pytest.mark.parametrize("key", ["_auth_user_id", "cart", "", " ", "a.b", "100%", "~", "it's"])
def test_an_ordinary_key_is_kept_as_it_is(key):
    assert key_as_text(key) == key


@given(st.binary())
def test_any_value_survives(value):
    assert value_from_text(value_as_text(value)) == value


@given(st.binary())
def test_a_value_as_text_is_printable_ascii(value):
    text = value_as_text(value)
    assert text.isascii()
    assert text.isprintable()


@given(st.binary(), st.binary())
def test_two_values_are_never_the_same_text(one, two):
    assert (value_as_text(one) == value_as_text(two)) == (one == two)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_what_the_json_serializer_writes_is_kept_readable(value):
    text = json.dumps(value, separators=(",", ":"))
    if text.isprintable():  # DEL is the one control character that JSON leaves as it is
        assert value_as_text(text.encode("latin-1")) == text


@pytest.mark.parametrize("text", ["~*", "~YQ", "~é", "é", "~YQ=", "\ud800"])
def test_a_value_that_was_never_written_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 (any of its kinds)
        value_from_text(text)


@pytest.mark.parametrize("text", ["\\", "\\x", "\\u12", '"\\'])
def test_a_key_that_was_never_written_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011
        key_from_text(text)
