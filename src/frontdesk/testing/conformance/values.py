"""Keys and values come back exactly, whatever is in them."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import strategies as st

from frontdesk.storages.record import Changes
from frontdesk.testing.conformance.examples import for_any
from frontdesk.testing.conformance.ground import Caller, Ground, insert

KEYS = {
    "empty": "",
    "nul": "a\x00b",
    "lone-surrogate": "\ud83d",
    "emoji": "🎈",
    "letters": "ключ",
    "combining": "e\u0301",
    "double-quote": 'a"b',
    "single-quote": "a'b",
    "backslash": "a\\b",
    "escape": "\\u0041",
    "newline": "a\r\nb\t",
    "blank": " ",
    "dollar": "$.a[0]",
    "percent": "100%s",
    "tilde": "~a",
    "dot": "a.b",
    "long": "k" * 1000,
}

TWINS = {
    "case": ("Cart", "cart"),
    "trailing-blank": ("cart", "cart "),
    "leading-blank": ("cart", " cart"),
    "accent": ("resume", "resumé"),
    "normal-form": ("\u00e9", "e\u0301"),
    "escape": ("A", "\\u0041"),
    "surrogates": ("\ud800", "\ud801"),
    "nul": ("", "\x00"),
    "sharp-s": ("strasse", "straße"),
}
"""Keys that some collation, normal form or escaping takes for the same."""

VALUES = {
    "empty": b"",
    "json": '{"a": [1, null, "é"]}'.encode(),
    "null": b"null",
    "quotes": b'"\\"\'',
    "nul": b"\x00",
    "high": b"\xff\xfe\x80",
    "tilde": b"~",
    "leading-tilde": b"~bm90IGJhc2U2NA==",
    "newlines": b"\r\n\t \x0b\x7f",
    "trailing-blank": b"a ",
    "escape": b"\\u0041",
    "percent": b"100%s %(a)s",
    "every-byte": bytes(range(256)),
    "200-kb": b'"' + b"x" * 200_000 + b'"',
}


class Values(Ground):
    """The facts."""

    @pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
    def test_any_key_can_be_inserted(self, do: Caller, key: str) -> None:
        record = insert(do, values={key: b"1", "cart": b"2"})
        assert do("read", record.digest) == record

    @pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
    def test_any_key_can_be_added_and_changed(self, do: Caller, key: str) -> None:
        record = insert(do, values={"cart": b"[1]"})
        for value in (b"1", b"2"):
            do("update", record.digest, Changes(values={key: value}))
            assert do("read", record.digest).values == {"cart": b"[1]", key: value}

    @pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
    def test_any_key_can_be_removed(self, do: Caller, key: str) -> None:
        record = insert(do, values={key: b"1", "cart": b"2"})
        do("update", record.digest, Changes(removed=[key]))
        assert do("read", record.digest).values == {"cart": b"2"}

    @pytest.mark.parametrize("twins", TWINS.values(), ids=TWINS.keys())
    def test_keys_that_only_look_alike_are_two(self, do: Caller, twins: tuple[str, str]) -> None:
        one, two = twins
        record = insert(do, values={one: b"1", two: b"2"})
        do("update", record.digest, Changes(values={one: b"3"}))
        assert do("read", record.digest).values == {one: b"3", two: b"2"}
        do("update", record.digest, Changes(removed=[two]))
        assert do("read", record.digest).values == {one: b"3"}

    @pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
    def test_any_value_can_be_inserted(self, do: Caller, value: bytes) -> None:
        record = insert(do, values={"it": value, "cart": b"[1]"})
        assert do("read", record.digest) == record

    @pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
    def test_any_value_can_be_merged(self, do: Caller, value: bytes) -> None:
        record = insert(do)
        do("update", record.digest, Changes(values={"it": value}))
        assert do("read", record.digest).values == {"cart": b"[1]", "it": value}

    @pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
    def test_any_value_survives_a_change_beside_it(self, do: Caller, value: bytes) -> None:
        record = insert(do, values={"it": value})
        do("update", record.digest, Changes(values={"cart": b"[1]"}))
        assert do("read", record.digest).values == {"cart": b"[1]", "it": value}

    def test_two_hundred_values_are_kept_changed_and_removed(self, do: Caller) -> None:
        values = {f"key {number}": b"%d" % number for number in range(200)}
        record = insert(do, values=values)
        assert do("read", record.digest) == record
        half = list(values)[::2]
        changed = dict.fromkeys(list(values)[1::2], b"new")
        do("update", record.digest, Changes(values=changed, removed=half))
        assert do("read", record.digest) == replace(record, values=changed, version=2)

    @pytest.mark.parametrize("order", list(itertools.permutations("abc")), ids="".join)
    def test_several_values_are_changed_and_removed_in_any_order(
        self, do: Caller, order: tuple[str, str, str]
    ) -> None:
        # MariaDB's JSON_MERGE_PATCH forgets some removals, by the order in which they are named.
        one, two, three = order
        record = insert(do, values={"a": b"1", "b": b"2", "c": b"3"})
        do("update", record.digest, Changes(removed=[one, two], values={three: b"4"}))
        assert do("read", record.digest).values == {three: b"4"}

    def test_any_keys_and_values_are_kept_and_merged(self, do: Caller) -> None:
        anything = st.dictionaries(
            st.text(st.characters(), max_size=8), st.binary(max_size=16), max_size=4
        )

        def hold(before: dict[str, bytes], after: dict[str, bytes], removed: set[str]) -> None:
            record = insert(do, values=before)
            gone = [*removed, *list(before)[::-2]]
            do("update", record.digest, Changes(values=after, removed=gone))
            kept = {key: value for key, value in before.items() if key not in gone}
            assert do("read", record.digest).values == kept | after

        removed = st.sets(st.text(max_size=4), max_size=3)
        for_any(hold, examples=30, before=anything, after=anything, removed=removed)
