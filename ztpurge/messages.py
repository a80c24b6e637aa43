"""A report in sentences: the lines of the log, the headline, the annotations. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ztpurge.changes.since import Found
    from ztpurge.errors import InvalidInputs
    from ztpurge.mapping import Mapped
    from ztpurge.plan import Batch, Plan
    from ztpurge.purge import Outcome
    from ztpurge.report import Report

MAX_ANNOTATIONS = 10  # of a level and step; the runner drops the rest
NO_BASE_URL = "base-url is empty, so changed files are not looked at"
SPLIT_AT_BLANKS = (
    "the list separates names by blanks, so a name that holds a blank was read as several, and its URL stays stale; "
    "if such names may come, have the list written as JSON or one name a line"
)
_NOUNS = {"urls": "URL", "dirs": "directory"}


def count(number: int, noun: str) -> str:
    """Return `1 file`, `2 files`, `3 directories`."""
    plural = f"{noun.removesuffix('y')}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def range_line(event: str, found: Found) -> str:
    """Return which commits were compared, and where."""
    if found.range is None:
        return f"{event}: the branch or tag was deleted"
    head = found.range.head[:12]
    bases = ", ".join(base[:12] for base in found.range.bases)
    compared = f"from {bases} to {head}" if bases else f"all files of {head}"
    return f"{event}: {compared}, by {found.place}"


def plan_line(report: Report, changes: int) -> str:
    """Return what a run is about to do, in one sentence."""
    skipped = f", {len(report.mapped.skipped):,} skipped" if report.mapped.skipped else ""
    planned = f"{_things(report.plan) or 'nothing'} to purge in {count(len(report.plan.batches), 'call')}"
    folded = f", {len(report.plan.folded):,} more by a directory above" if report.plan.folded else ""
    return f"{count(changes, 'changed file')}{skipped}; {planned}{folded}"


def outcome_lines(plan: Plan) -> Callable[[Outcome], str]:
    """Return what makes the log line of a call that ended, aligned with those of the other calls of the plan."""
    total = len(plan.batches)
    digits = len(str(total))
    width = max((len(batch.host) for batch in plan.batches), default=0)

    def line(outcome: Outcome) -> str:
        start = f"[{outcome.number:{digits}}/{total}] {outcome.batch.host:{width}}"
        return f"{start}  {size_of(outcome.batch):>7}  {_ending(outcome)}"

    return line


def size_of(batch: Batch) -> str:
    """Return `10 urls` or `1 dir`."""
    return f"{len(batch.entries)} {batch.kind if len(batch.entries) > 1 else batch.kind[:-1]}"


def _ending(outcome: Outcome) -> str:
    if outcome.status == "dry-run":
        return "dry run: not sent"
    tries = f"  {count(outcome.attempts, 'try')}" if outcome.attempts > 1 else ""
    time = f"{outcome.seconds:.2f} s"
    if outcome.error is None:
        return f"reqId {outcome.req_id}{tries}  {time}"
    if outcome.attempts == 0:
        return f"NOT SENT  {outcome.error}"
    head = f"PARTIAL  reqId {outcome.req_id}" if outcome.req_id else "NOT PURGED"
    return f"{head}{tries}  {time}  {outcome.error}"


def headline(report: Report) -> str:
    """Return the run in one sentence."""
    if report.result == "nothing":
        return f"Nothing to purge{_why_nothing(report.mapped)}"
    hosts = count(len({batch.host for batch in report.plan.batches}), "host")
    calls = count(len(report.plan.batches), "call")
    if report.result == "dry-run":
        return f"Dry run: {_things(report.plan)} on {hosts} would be purged in {calls}; nothing was sent"
    if report.result == "purged":
        return f"{_things(report.plan)} purged on {hosts}, in {calls}"
    kinds = {batch.kind for batch in report.plan.batches}
    noun = _NOUNS[kinds.pop()] if len(kinds) == 1 else "entry"
    return f"{len(report.failed_entries):,} of {count(report.plan.size, noun)} NOT purged and maybe stale"


def skip_counts(mapped: Mapped) -> str:
    """Return how many files were skipped for which reason, the most frequent first."""
    reasons = Counter(skip.reason for skip in mapped.skipped)
    return ", ".join(f"{number:,} {reason}" for reason, number in reasons.most_common())


def failure_messages(report: Report) -> tuple[str, ...]:
    """Return what to annotate: failures with the same cause together, the widest first, at most ten in all."""
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in report.failures:
        groups.setdefault((outcome.batch.host, str(outcome.error)), []).append(outcome)
    widest = sorted(groups.items(), key=lambda group: -len(group[1]))
    messages = [_failure_message(host, error, outcomes) for (host, error), outcomes in widest]
    if len(messages) > MAX_ANNOTATIONS:
        kept = MAX_ANNOTATIONS - 1
        messages[kept:] = [f"and {len(messages) - kept} more causes; the log and `failed-urls` have them all"]
    return tuple(messages)


def problem_messages(error: InvalidInputs) -> tuple[str, ...]:
    """Return what to annotate for inputs that cannot be used: each by its name, at most ten in all."""
    messages = [f"{problem.place}: {problem}" for problem in error.problems]
    if len(messages) > MAX_ANNOTATIONS:
        messages[MAX_ANNOTATIONS - 1 :] = ["; ".join(messages[MAX_ANNOTATIONS - 1 :])]
    return tuple(messages)


def _things(plan: Plan) -> str:
    sizes = {kind: sum(len(batch.entries) for batch in plan.batches if batch.kind == kind) for kind in _NOUNS}
    return " and ".join(count(size, _NOUNS[kind]) for kind, size in sizes.items() if size)


def _why_nothing(mapped: Mapped) -> str:
    if not mapped.skipped:
        return ": no changed files, urls or dirs were given"
    return f": {count(len(mapped.skipped), 'changed file')} skipped ({skip_counts(mapped)})"


def _failure_message(host: str, error: str, outcomes: list[Outcome]) -> str:
    entries = [entry for outcome in outcomes for entry in outcome.batch.entries]
    kind = _NOUNS[outcomes[0].batch.kind] if len({outcome.batch.kind for outcome in outcomes}) == 1 else "entry"
    where = f"{count(len(entries), kind)} of {host} not purged ({count(len(outcomes), 'call')})"
    return f"{where}: {error.rstrip('.')}. First of them: {entries[0]}"
