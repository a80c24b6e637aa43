"""A report in sentences: the lines of the log, the headline, the annotations. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ztpurge.errors import Failure
from ztpurge.untrusted import for_log
from ztpurge.urls import host_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ztpurge.changes.since import Found
    from ztpurge.errors import InvalidInputs
    from ztpurge.mapping import Mapped
    from ztpurge.plan import Batch, Plan
    from ztpurge.purge import Outcome
    from ztpurge.report import Report
    from ztpurge.verify import Verdict
    from ztpurge.wait import Progress

MAX_ANNOTATIONS = 10  # of a level and step; the runner drops the rest
NO_BASE_URL = "base-url is empty, so changed files are not looked at"
SPLIT_AT_BLANKS = (
    "the list separates names by blanks, so a name that holds a blank was read as several, and its URL stays stale; "
    "if such names may come, have the list written as JSON or one name a line"
)
_NOT_KNOWN = (
    "what was deployed meanwhile and is deleted now is not known: if there is any, purge its folder once with `dirs`"
)
NO_MANIFEST = f"there is no manifest yet, so all files count as changed; {_NOT_KNOWN}"
OTHER_SITE = "base-url, index-files or clean-urls are not those of the last purge: all files count as changed"
_NOUNS = {"urls": "URL", "dirs": "directory", "prefetch": "URL"}
_STATUS_WAYS = {"failed": "not done", "pending": "not known to be done"}
_WAYS = {"failed": "not purged", "partial": "not purged", "pending": "not confirmed"}


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


def manifest_line(root: str, *, files: int, changed: int, gone: int) -> str:
    """Return what the build output was compared with."""
    left = f", {count(gone, 'file')} gone" if gone else ""
    return f"manifest: {count(files, 'file')} in {root or 'the workspace'}, {changed:,} not as last purged{left}"


def lost_runs(numbers: tuple[int, ...], *, are_known: bool) -> str:
    """Return why a manifest that some runs did not write is not trusted; `are_known`: they were runs of this branch."""
    shown = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
    runs = f"{count(len(numbers), 'run')} of this workflow ({shown}) left no manifest and may have deployed"
    remedy = "" if are_known else " Give the job the permission `actions: read`, to tell runs of other branches apart."
    return f"{runs}, so all files count as changed; {_NOT_KNOWN}.{remedy}"


def outcome_lines(plan: Plan) -> Callable[[Outcome], str]:
    """Return what makes the log line of a call that ended, aligned with those of the other calls of the plan."""
    total = len(plan.batches)
    digits = len(str(total))
    width = max((len(batch.host) for batch in plan.batches), default=0)

    def line(outcome: Outcome) -> str:
        start = f"[{outcome.number:{digits}}/{total}] {outcome.batch.host:{width}}"
        return f"{start}  {size_of(outcome.batch):>7}  {_ending(outcome)}"

    return line


def progress_line(progress: Progress, outcome: Outcome) -> str:
    """Return the log line of a reqId that has ended."""
    what = f"  {outcome.batch.host}  {size_of(outcome.batch)}" if outcome.batch.entries else ""
    error = f"  {progress.error}" if progress.error else ""
    return f"{progress.state.upper() if error else progress.state:6}  reqId {progress.req_id}{what}{error}"


def verdict_line(verdict: Verdict) -> str:
    """Return a URL with what was seen of it and what the edge said of itself."""
    said = ", ".join(f"{name}: {value}" for name, value in verdict.said)
    why = "; ".join(filter(None, (for_log(verdict.reason), said)))
    return f"{verdict.url}  ({why})" if why else verdict.url


def verdict_counts(verdicts: Iterable[Verdict]) -> str:
    """Return `19 seen fresh, 1 STILL STALE, 2 not verified`."""
    found = Counter[str](verdict.state for verdict in verdicts)
    words = {"fresh": "seen fresh", "stale": "STILL STALE", "unverified": "not verified"}
    return ", ".join(f"{found[state]:,} {word}" for state, word in words.items() if found[state])


def size_of(batch: Batch) -> str:
    """Return `10 urls` or `1 dir`."""
    word = "urls" if batch.kind == "prefetch" else batch.kind
    return f"{len(batch.entries)} {word if len(batch.entries) != 1 else word[:-1]}"


def _ending(outcome: Outcome) -> str:
    if outcome.status == "dry-run":
        return "dry run: not sent"
    tries = f"  {count(outcome.attempts, 'try')}" if outcome.attempts > 1 else ""
    time = f"{outcome.seconds:.2f} s"
    if outcome.error is None:
        return f"reqId {outcome.req_id}{tries}  {time}"
    if outcome.attempts == 0:
        return f"NOT SENT  {outcome.error}"
    refused = "NOT PREFETCHED" if outcome.batch.kind == "prefetch" else "NOT PURGED"
    head = f"PARTIAL  reqId {outcome.req_id}" if outcome.req_id else refused
    return f"{head}{tries}  {time}  {outcome.error}"


def headline(report: Report) -> str:
    """Return the run in one sentence."""
    if report.is_status:
        return _status_headline(report)
    if report.result == "nothing":
        return f"Nothing to purge{_why_nothing(report.mapped)}"
    hosts = count(len({batch.host for batch in report.plan.batches}), "host")
    calls = count(len(report.plan.batches), "call")
    if report.result == "dry-run":
        return f"Dry run: {_things(report.plan)} on {hosts} would be purged in {calls}; nothing was sent"
    seen = f"; {verdict_counts(report.verdicts)}" if report.verdicts else ""
    if not report.failures:
        done = " and reported done" if report.waited else ""
        return f"{_things(report.plan)} purged{done} on {hosts}, in {calls}{seen}"
    kinds = {batch.kind for batch in report.plan.batches}
    noun = _NOUNS[kinds.pop()] if len(kinds) == 1 else "entry"
    ways = {outcome.status for outcome in report.failures}
    way = "NOT confirmed as purged" if ways == {"pending"} else "NOT purged"
    return f"{len(report.failed_entries):,} of {count(report.plan.size, noun)} {way} and maybe stale{seen}"


def _status_headline(report: Report) -> str:
    if not report.outcomes:
        return "No reqIds to ask after"
    states = Counter[str](
        "refused" if outcome.error and outcome.error.failure is Failure.AUTH else outcome.status
        for outcome in report.outcomes
    )
    words = {"failed": "FAILED", "refused": "NOT TOLD", "pending": "still under way", "done": "done"}
    found = ", ".join(f"{states[status]:,} {word}" for status, word in words.items() if states[status])
    return f"{count(len(report.outcomes), 'reqId')} asked after: {found}"


def maybe_stale_title(report: Report) -> str:
    """Return the heading of the list of URLs that may be stale."""
    is_pending = any(outcome.status == "pending" for outcome in report.outcomes)
    return "Not purged or not confirmed, maybe stale" if is_pending else "Not purged, maybe stale"


def skip_counts(mapped: Mapped) -> str:
    """Return how many files were skipped for which reason, the most frequent first."""
    reasons = Counter(skip.reason for skip in mapped.skipped)
    return ", ".join(f"{number:,} {reason}" for reason, number in reasons.most_common())


def failure_messages(report: Report) -> tuple[str, ...]:
    """Return what to annotate: failures with the same cause together, the widest first, at most ten in all."""
    ways = _STATUS_WAYS if report.is_status else _WAYS
    return at_most_ten([*_causes(report.failures, ways), *([] if report.stale_is_fine else _stale(report.verdicts))])


def warning_messages(report: Report) -> tuple[str, ...]:
    """Return what to annotate that does not make the run red, at most ten in all."""
    ways = dict.fromkeys(_WAYS, "not prefetched") | {"pending": "not confirmed as prefetched"}
    failed = tuple(outcome for outcome in report.prefetched if outcome.error)
    return at_most_ten([*_causes(failed, ways), *(_stale(report.verdicts) if report.stale_is_fine else [])])


def unverified_message(report: Report) -> str:
    """Return what to note of purged URLs that could not be compared, nothing if there are none."""
    found = [verdict for verdict in report.verdicts if verdict.state == "unverified"]
    if not found:
        return ""
    reasons = Counter(for_log(verdict.reason) for verdict in found).most_common(3)
    why = "; ".join(f"{number:,}: {reason}" for reason, number in reasons)
    return f"{count(len(found), 'URL')} purged, but not verified to be fresh ({why}). First of them: {found[0].url}"


def at_most_ten(messages: list[str]) -> tuple[str, ...]:
    """Return the messages, the last ones as a count where the runner would drop them."""
    if len(messages) > MAX_ANNOTATIONS:
        kept = MAX_ANNOTATIONS - 1
        messages[kept:] = [f"and {len(messages) - kept} more causes; the log and the outputs have them all"]
    return tuple(messages)


def _causes(failures: Iterable[Outcome], ways: Mapping[str, str]) -> list[str]:
    groups: dict[tuple[str, str, str], list[Outcome]] = {}
    for outcome in failures:
        groups.setdefault((outcome.batch.host, ways[outcome.status], str(outcome.error)), []).append(outcome)
    widest = sorted(groups.items(), key=lambda group: -len(group[1]))
    return [_failure_message(host, way, error, outcomes) for (host, way, error), outcomes in widest]


def _stale(verdicts: Iterable[Verdict]) -> list[str]:
    groups: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.state == "stale":
            groups.setdefault(host_of(verdict.url), []).append(verdict)
    return [
        f"{count(len(stale), 'URL')} of {host} purged, but not fresh. First of them: {verdict_line(stale[0])}"
        for host, stale in groups.items()
    ]


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


def _failure_message(host: str, way: str, error: str, outcomes: list[Outcome]) -> str:
    entries = [entry for outcome in outcomes for entry in outcome.batch.entries]
    req_ids = [outcome.req_id for outcome in outcomes if outcome.req_id]
    if not entries:
        return f"{count(len(req_ids), 'reqId')}: {error.rstrip('.')}. First of them: {req_ids[0]}"
    kind = _NOUNS[outcomes[0].batch.kind] if len({outcome.batch.kind for outcome in outcomes}) == 1 else "entry"
    where = f"{count(len(entries), kind)} of {host} {way} ({count(len(outcomes), 'call')})"
    return f"{where}: {error.rstrip('.')}. First of them: {entries[0]}"
