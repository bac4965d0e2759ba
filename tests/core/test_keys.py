"""Keys: an id that may be shown, and a secret that may not."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdesk.core import keys
from frontdesk.core.keys import ALPHABET, Key

well_formed = st.one_of(
    st.text(ALPHABET, min_size=32, max_size=32), st.text(ALPHABET, min_size=40, max_size=40)
)


def test_a_new_key_has_129_random_bits_beside_its_id():
    assert len(ALPHABET) ** keys.SECRET_LENGTH >= 2**129
    assert len({Key.new() for _ in range(1000)}) == 1000


def test_a_new_key_fits_djangos_field():
    assert re.fullmatch("[0-9a-z]{40}", Key.new())


@given(well_formed)
def test_a_well_formed_key_is_parsed_as_it_is(text):
    assert Key.parse(text) == text


@given(st.text(max_size=60))
def test_any_other_text_is_no_key(text):
    expected = re.fullmatch("[0-9a-z]{32}|[0-9a-z]{40}", text) is not None
    assert (Key.parse(text) is not None) == expected


@pytest.mark.parametrize("text", [None, "", "a" * 31, "A" * 32, "a" * 39 + "\n", "é" * 32])
def test_malformed_texts_are_no_keys(text):
    assert Key.parse(text) is None


@given(well_formed)
def test_every_key_has_an_id_of_the_same_form(text):
    assert keys.is_id(Key(text).id)


def test_the_id_stays_when_the_secret_changes():
    key = Key.new()
    assert key.with_new_secret().id == key.id
    assert key.with_new_secret().digest != key.digest


def test_a_key_of_djangos_keeps_its_id_when_it_gets_a_secret_of_ours():
    key = Key("a" * 32)
    assert key.with_new_secret().id == key.id
    assert len(key.with_new_secret()) == keys.KEY_LENGTH


@given(well_formed)
def test_the_repr_hides_the_secret(text):
    assert Key(text).secret not in repr(Key(text))
    assert Key(text).secret not in repr({"key": Key(text)})


@given(st.text(max_size=60))
def test_the_repr_of_a_malformed_key_hides_it(text):
    assert len(text) < 5 or text not in repr(Key(text))


def test_the_digest_of_a_key_of_djangos_does_not_give_its_id():
    key = Key("b" * 32)
    assert key.id[1:] not in key.digest
