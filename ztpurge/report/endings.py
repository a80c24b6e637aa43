"""A run that ended before it was through -> its report: what is left of the plan counts as not purged. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ztpurge.cdn.purge import Outcome
from ztpurge.edge.judge import Verdict
from ztpurge.errors import BUG, ApiError, Failure
from ztpurge.report.fates import accepted_urls
from ztpurge.report.seen import late_advice

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ztpurge.cdn.plan import Plan
    from ztpurge.errors import ZtpurgeError
    from ztpurge.report.values import Report


def refused(report: Report, why: ZtpurgeError) -> Report:
    """Return the report of a run that ended before the first call: nothing that was planned is purged."""
    return replace(report, refusal=why, outcomes=_not_purged(report.plan, (), str(why)))


def held_back(report: Report, late: tuple[Verdict, ...], *, is_stopped: bool = False) -> Report:
    """Return the report of a run that purged nothing, since the origin did not serve yet what `late` is about.

    `is_stopped`: the run was cancelled while it was looked at, so that nobody knows.
    """
    if is_stopped:
        cause, remedy, late = "not sent: the run was cancelled while the origin was looked at", "Run the job again", ()
    else:
        cause = "not sent: the origin was not seen to serve the new files"
        remedy = " ".join(late_advice(late)) or "Run the job again"
    return replace(report, late=late, outcomes=_not_purged(report.plan, (), cause, remedy=remedy))


def broken_off(report: Report, heard: Iterable[Outcome], *, wait: bool, verify: bool) -> Report:
    """Return the report of a run that a bug ended: what was still to be done counts as failed.

    `heard`: the outcomes so far, in case the report does not have them yet. `wait`, `verify`: what was to follow.
    """
    numbers = {outcome.number for outcome in report.outcomes}
    new = (outcome for outcome in heard if outcome.number not in numbers)
    outcomes = (*report.outcomes, *sorted(new, key=lambda outcome: outcome.number))
    outcomes += _not_purged(report.plan, outcomes, BUG)
    told = {verdict.url for verdict in report.verdicts}
    unseen = [url for url in accepted_urls(report.plan, outcomes) if verify and url not in told]
    verdicts = tuple(Verdict(url, "stale", f"not looked at: {BUG}", is_seen=False) for url in unseen)
    if wait and not report.waited:
        error = ApiError(Failure.NOT_SENT, f"not asked after: {BUG}")
        outcomes = tuple(
            replace(outcome, state="pending", error=error) if outcome.state == "accepted" else outcome
            for outcome in outcomes
        )
    return replace(report, outcomes=outcomes, verdicts=report.verdicts + verdicts, has_bug=True)


def _not_purged(plan: Plan, outcomes: Iterable[Outcome], why: str, *, remedy: str = "") -> tuple[Outcome, ...]:
    told = {outcome.number for outcome in outcomes}
    error = ApiError(Failure.NOT_SENT, why, remedy=remedy)
    return tuple(
        Outcome.of(number, batch, "failed", error=error)
        for number, batch in enumerate(plan.batches, start=1)
        if number not in told
    )
