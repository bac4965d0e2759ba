"""What must hold, a function and a sentence each. Some after each step, all of them at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import SESSION_KEY

from frontdesk.storages.record import Record
from frontdesk.tokens import digest_of_own
from tests.interleavings.explorer import Violation

if TYPE_CHECKING:
    from tests.interleavings.world import Report, World


def violated(oracle: str, what: str) -> Violation:
    return Violation(oracle, what)


def nothing_revived(world: World) -> None:
    """From the moment an end is reported, the key never again reads as a record."""
    for digest, key in world.keys.items():
        if key.gone and isinstance(world.seen[digest], Record):
            raise violated("nothing_revived", f"a key that was {key.gone} answers")


def one_live_key(world: World) -> None:
    """A session that has not ended has exactly one live key, at every step; one that has, none."""
    for lineage in {key.lineage for key in world.keys.values()}:
        live = sum(
            isinstance(world.seen[digest], Record)
            for digest, key in world.keys.items()
            if key.lineage == lineage
        )
        expected = 0 if world.ended(lineage) else 1
        if live != expected:
            raise violated("one_live_key", f"{live} keys of one session live, not {expected}")


def never_somebody_else(world: World) -> None:
    """A record belongs to whom its values name, and to whom the last sign-in in it was for."""
    for digest, record in world.live().items():
        named = world.decoded(record).get(SESSION_KEY)
        if not record.user_id == named == world.keys[digest].owner:
            raise violated(
                "never_somebody_else",
                f"the record says {world.name_of(record.user_id)}, its values "
                f"{world.name_of(named)}, the reports {world.name_of(world.keys[digest].owner)}",
            )


def nobody_elses_values(world: World) -> None:
    """What was written while somebody was signed in is only ever in that person's sessions."""
    for record in world.live().values():
        for key, value in world.decoded(record).items():
            writer, colon, _ = str(value).partition(":")
            if colon and writer not in {"nobody", world.name_of(record.user_id)}:
                raise violated(
                    "nobody_elses_values",
                    f"{key}={value!r} is in a session of {world.name_of(record.user_id)}",
                )


def bystander_untouched(world: World) -> None:
    """Another person's session on the same storage is what it was."""
    if world.keys[world.bystander].gone:
        return
    record = world.seen[world.bystander]
    if not isinstance(record, Record) or world.decoded(record) != world.bystander_values:
        raise violated("bystander_untouched", f"Bob's own session became {record}")


def nothing_lost(world: World) -> None:
    """A write that was reported is in the final record, or a write that came no earlier is.

    It follows the session from key to key. Only the end of the session ends it.
    """
    kept = [report for report in world.reports if report.stored]
    for report in kept:
        final = _final(world, report)
        if final is None:
            continue
        for key, value in report.writes.items():
            possible = [value, *(r.writes[key] for r in kept if _not_before(r, report, key))]
            if final.get(key) not in possible:
                raise violated(
                    "nothing_lost",
                    f"{report.name} stored {key}={value!r}, but it is {final.get(key)!r} at the end",
                )


def increments_sum_up(world: World) -> None:
    """The counter of a session is the number of modify() calls that were reported.

    A sign-in that was overtaken starts a new session with what its request had read, so one that began
    later may have counted on.
    """
    sums: dict[Any, int] = {}
    for report in world.reports:
        if report.adds and report.stored:
            lineage = world.keys[digest_of_own(report.stored)].lineage
        elif report.adds and report.effective:
            lineage = world.keys[digest_of_own(report.key)].lineage
        else:
            continue
        sums[lineage] = sums.get(lineage, 0) + report.adds
    for digest, record in world.live().items():
        counted = world.decoded(record).get("count", 0)
        lineage = world.keys[digest].lineage
        expected = sums.get(lineage, 0)
        carried = 0 if lineage == digest_of_own(world.root) else sum(sums.values()) - expected
        if not expected <= counted <= expected + carried:
            raise violated("increments_sum_up", f"{expected} increments ended at {counted}")


def badge_not_taken(world: World) -> None:
    """No answer clears the cookie of a session that lives, but the answer to a sign-out."""
    for report in world.reports:
        if report.took_back and not report.signs_out and report.key is not None:
            lineage = world.keys[digest_of_own(report.key)].lineage
            if not world.ended(lineage):
                raise violated("badge_not_taken", f"{report.name} cleared a good cookie")


def signed_in_is_signed_in(world: World) -> None:
    """Whose sign-in was stored is the user of that session at the end, unless it ended."""
    for report in world.reports:
        if not report.signed_in or not report.stored:
            continue
        final = _final(world, report)
        if final is not None and world.name_of(final.get(SESSION_KEY)) != report.signed_in:
            raise violated("signed_in_is_signed_in", f"{report.name} was stored, but is not there")


def signed_out_is_signed_out(world: World) -> None:
    """A sign-out ends the session in which somebody was signed in, whatever key it has by then."""
    for report in world.reports:
        if report.signs_out and world.signed_in and report.key is not None:
            lineage = world.keys[digest_of_own(report.key)].lineage
            if not world.ended(lineage):
                raise violated("signed_out_is_signed_out", "the session went on under another key")


def _final(world: World, report: Report) -> dict[str, Any] | None:
    """Return the values at the end of the session in which ``report`` was stored; ``None`` if it ended."""
    lineage = world.keys[digest_of_own(report.stored)].lineage
    if world.ended(lineage):
        return None
    live = [
        record for digest, record in world.live().items() if world.keys[digest].lineage == lineage
    ]
    return world.decoded(live[0]) if live else {}


def _not_before(other: Report, report: Report, key: str) -> bool:
    return key in other.writes and other.ended > report.began


def browser_keeps_a_good_badge(world: World) -> None:
    """Once all answers have arrived, the browser holds a live key, if a session that it was given lives.

    Unless it was given a sign-out as well.
    """
    if any(report.signs_out for report in world.reports):
        return
    given = {digest_of_own(r.handed_out) for r in world.reports if r.handed_out}
    lineages = {world.keys[digest].lineage for digest in given}
    alive = [lineage for lineage in lineages if not world.ended(lineage)]
    held = None if world.jar is None else world.keys[digest_of_own(world.jar)]
    if alive and (held is None or held.gone):
        raise violated("browser_keeps_a_good_badge", "the browser is left with a dead cookie")


AT_EACH_STEP = (nothing_revived, one_live_key, never_somebody_else, nobody_elses_values)
AT_THE_END = (
    bystander_untouched,
    nothing_lost,
    increments_sum_up,
    badge_not_taken,
    signed_in_is_signed_in,
    signed_out_is_signed_out,
)
