"""A plan, its calls and what was seen -> what became of each URL and directory. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ztpurge.cdn.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ztpurge.cdn.plan import Kind
    from ztpurge.cdn.purge import Outcome, State
    from ztpurge.edge.judge import Freshness, Verdict

MAYBE_STALE = frozenset({"failed", "partial", "pending"})
PURGED = frozenset({"accepted", "done", "unverified", "stale", "fresh"})
_ACCEPTED = frozenset({"accepted", "pending", "done"})


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a URL or directory: an entry of a call, or folded into a directory that is one.

    `state` is its call's. Once that was accepted it is the verdict's, if there is one; while it is under way, a URL
    that was seen is `fresh` all the same.
    """

    url: str
    kind: Kind
    state: State | Freshness
    verdict: Verdict | None
    is_folded: bool


def trace(plan: Plan, outcomes: Sequence[Outcome], verdicts: Sequence[Verdict] = ()) -> tuple[Fate, ...]:
    """Return what became of all entries in the order of the calls, then of all that was folded."""
    # a directory and the page at its address are two things of one name; nobody can look at a directory
    pages = {verdict.url: verdict for verdict in reversed(verdicts)}
    directories = {verdict.url: verdict for verdict in verdicts if verdict.state == "unverified"}

    def fate(url: str, kind: Kind, state: State, *, is_folded: bool = False) -> Fate:
        verdict = (directories if kind == "dirs" else pages).get(url)
        is_seen = verdict and (state in {"accepted", "done"} or (state == "pending" and verdict.state == "fresh"))
        return Fate(url, kind, verdict.state if verdict and is_seen else state, verdict, is_folded)

    fates = [fate(entry, outcome.kind, outcome.state) for outcome in outcomes for entry in outcome.entries]
    above = {entry: outcome.state for outcome in outcomes if outcome.kind == "dirs" for entry in outcome.entries}
    folded = (folded for folded in plan.folded if folded.directory in above)
    return (*fates, *(fate(each.url, each.kind, above[each.directory], is_folded=True) for each in folded))


def accepted_urls(plan: Plan, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """Return every URL whose purge was accepted, done or not: entries, and those folded into a directory among them."""
    return tuple(fate.url for fate in trace(plan, outcomes) if fate.kind == "urls" and fate.state in _ACCEPTED)


def accepted_directories(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """Return every directory whose purge was accepted, done or not."""
    return tuple(fate.url for fate in trace(Plan(), outcomes) if fate.kind == "dirs" and fate.state in _ACCEPTED)
