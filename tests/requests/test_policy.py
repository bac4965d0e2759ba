"""The decision that ends a request: what needs nothing is left alone by the whole decision, too."""

from dataclasses import replace
from itertools import product

import pytest

from frontdesk import policy
from frontdesk.conf import options
from frontdesk.policy import Closing, Outcome, Standing
from frontdesk.storages.record import Record
from frontdesk.tokens import Digest

NOW = 10**15
RECORD = Record(
    digest=Digest("a1" * 32), values={}, created=NOW, last_seen=NOW, idle=10**12, deadline=2 * NOW
)


@pytest.mark.parametrize("standing", Standing)
@pytest.mark.parametrize("record", [None, RECORD, replace(RECORD, last_seen=NOW - 10**11)])
def test_what_is_at_rest_is_left_alone_by_the_whole_decision(standing, record):
    if not policy.is_at_rest(standing, record, options(), NOW):
        assert standing is not Standing.LIVE or record is not RECORD
        return
    assert policy.touch_is_due(record, options(), NOW) is False
    for overtaken, empty, sent, failed, quick in product([True, False], repeat=5):
        outcome = Outcome(
            standing=standing,
            overtaken=overtaken,
            modified=False,
            empty=empty,
            cookie_sent=sent,
            failed=failed,
            quick=quick,
            touch_due=False,
        )
        assert policy.closing(outcome) is Closing.LEAVE
