"""An address inside a text, in both directions of writing."""

import unicodedata

import pytest
from django.utils import translation

from frontdesk.words.addresses import address_in_words


@pytest.mark.parametrize("language", ["en", "de"])
def test_from_left_to_right_it_is_the_address_alone(language):
    with translation.override(language):
        assert address_in_words("2001:db8::1") == "2001:db8::1"


@pytest.mark.parametrize("language", ["ar", "he"])
def test_from_right_to_left_it_is_isolated(language):
    with translation.override(language):
        words = address_in_words("2001:db8::1")
    assert [unicodedata.bidirectional(mark) for mark in (words[0], words[-1])] == ["LRI", "PDI"]
    assert words[1:-1] == "2001:db8::1"


def test_no_address_stays_empty():
    with translation.override("ar"):
        assert address_in_words("") == ""
