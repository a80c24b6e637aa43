"""What went wrong, told of the changed files behind it: each once, whatever number of URLs it has. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ztpurge.errors import Failure
from ztpurge.report import sentences
from ztpurge.report.seen import late_title, stale_title, verdict_line

if TYPE_CHECKING:
    from ztpurge.cdn.plan import Kind
    from ztpurge.report.values import Report

_GENERAL = frozenset({Failure.AUTH, Failure.HOST, Failure.AWAY, Failure.NO_NAME, Failure.NOT_SENT})


@dataclass(frozen=True, slots=True)
class Trouble:
    """A changed file of which a URL was not purged or is stale, and what to say of it.

    `is_borne`: its URLs are stale, which is only to be reported.
    """

    path: str
    message: str
    is_borne: bool


def find_troubles(report: Report) -> tuple[Trouble, ...]:
    """Return what went wrong file by file, in the order of the changes.

    What bars a host or the whole run says nothing of a file, nor does a URL that nobody looked at: that is told once.
    """
    calls = {(entry, outcome.kind): outcome for outcome in report.outcomes for entry in outcome.entries}
    above = {folded.url: folded.directory for folded in report.plan.folded}
    amiss: dict[tuple[str, Kind], tuple[bool, str]] = {}  # whether it is but stale, and what to say
    for fate in report.maybe_stale:
        outcome = calls[(above[fate.url], "dirs") if fate.is_folded else (fate.url, fate.kind)]
        if outcome.error and outcome.error.failure not in _GENERAL:
            way = "confirmed as purged" if outcome.state == "pending" or outcome.is_doubtful else "purged"
            told = f"Not {way}: {sentences.url_line(fate.url)}  ({outcome.error.cause})"
            amiss[fate.url, fate.kind] = False, told
    for verdict in report.late:
        if verdict.looks:
            amiss[verdict.url, "urls"] = False, f"{late_title((verdict,))}: {verdict_line(verdict)}"
    for verdict in report.seen("stale"):
        if verdict.is_seen or verdict.looks:
            amiss[verdict.url, "urls"] = True, f"{stale_title((verdict,))}: {verdict_line(verdict)}"
    behind: dict[str, list[tuple[bool, str]]] = {}
    for target in report.mapped.targets:
        if (target.url, target.kind) in amiss:
            behind.setdefault(target.path, []).append(amiss[target.url, target.kind])
    troubles = []
    for path, found in behind.items():
        is_stale, told = min(found, key=lambda one: one[0])
        more = f". And {sentences.count(len(found) - 1, 'more URL')} of this file" if len(found) > 1 else ""
        troubles.append(Trouble(path, f"{told}{more}", is_borne=is_stale and report.stale_is_fine))
    return tuple(troubles)
