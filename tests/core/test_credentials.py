"""Credentials: a key as a program sends it, with a checksum that catches typing errors."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdesk.core.credentials import API_TOKEN, SESSION, Credential, credential_of, key_in
from frontdesk.core.keys import ALPHABET, Key

keys = st.text(ALPHABET, min_size=40, max_size=40).map(Key)
prefixes = st.sampled_from([API_TOKEN, SESSION])


@given(prefixes, keys)
def test_the_key_comes_back(prefix, key):
    assert key_in(prefix, credential_of(prefix, key)) == key


@given(prefixes, keys)
def test_it_has_one_form_that_scanners_of_secrets_can_look_for(prefix, key):
    assert re.fullmatch("fd[st]_[0-9a-z]{47}", credential_of(prefix, key))


@given(prefixes, keys, st.data())
def test_one_wrong_character_is_found_anywhere(prefix, key, data):
    text = credential_of(prefix, key)
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters().filter(lambda letter: letter != text[at]))
    assert key_in(prefix, text[:at] + other + text[at + 1 :]) is None


@given(prefixes, keys, st.data())
def test_two_swapped_characters_are_found(prefix, key, data):
    text = credential_of(prefix, key)
    at = data.draw(st.integers(0, len(text) - 2))
    swapped = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    assert (key_in(prefix, swapped) is None) == (swapped != text)


@given(prefixes, st.text(max_size=80))
def test_any_other_text_is_none(prefix, text):
    assert key_in(prefix, text) is None


@given(keys)
def test_one_kind_is_never_taken_for_the_other(key):
    token = credential_of(API_TOKEN, key)
    assert key_in(SESSION, token) is None
    assert key_in(SESSION, SESSION + token[4:]) is None


def test_a_key_of_djangos_cannot_be_sent():
    assert key_in(API_TOKEN, credential_of(API_TOKEN, Key("a" * 32))) is None


@pytest.mark.parametrize("make", [lambda text: text + "\n", lambda text: " " + text, str.upper])
def test_it_is_taken_exactly(make):
    assert key_in(API_TOKEN, make(credential_of(API_TOKEN, Key.new()))) is None


@given(prefixes, keys)
def test_the_repr_hides_the_key(prefix, key):
    text = credential_of(prefix, key)
    assert key[:8] not in repr(text)
    assert key.secret not in repr({"text": text})


def test_the_repr_of_any_other_text_hides_it():
    assert repr(Credential("Basic YWRhOnB3")) == "<malformed credential>"
