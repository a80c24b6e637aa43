"""A report as annotations on the run's page: what failed, what is stale, what to note, at most ten of a level. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ztpurge.errors import BUG
from ztpurge.report.sentences import NOUNS, advice, count, url_line, verdict_line
from ztpurge.site.urls import host_of
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ztpurge.cdn.purge import Outcome
    from ztpurge.edge.judge import Verdict
    from ztpurge.errors import InvalidInputs, ZtpurgeError
    from ztpurge.report.values import Report
    from ztpurge.site.mapping import Mapped

MAX_ANNOTATIONS = 10  # of a level and step; the runner drops the rest
_STATUS_WAYS = {"failed": "not done", "pending": "not known to be done"}
_WAYS = {"failed": "not purged", "partial": "not purged", "pending": "not confirmed"}
_DOUBTFUL = "may have been purged, which nobody confirmed"


def failure_messages(report: Report) -> tuple[str, ...]:
    """Return what to annotate: failures with the same cause together, the widest first, at most ten in all."""
    if report.refusal:
        return (problem_message(report.refusal),)
    ways = _STATUS_WAYS if report.is_status else _WAYS
    stale = [] if report.stale_is_fine else _stale(report.seen("stale"))
    causes = _causes(report.failures, ways, fresh=report.fresh)
    return at_most_ten([*([BUG] if report.has_bug else []), *causes, *stale])


def warning_messages(report: Report) -> tuple[str, ...]:
    """Return what to annotate that does not make the run red, at most ten in all."""
    ways = dict.fromkeys(_WAYS, "not prefetched") | {"pending": "not confirmed as prefetched"}
    failed = tuple(outcome for outcome in report.prefetched if outcome.error)
    return at_most_ten(
        [
            *_causes(report.unreported, {"done": "not reported done"}),
            *_causes(failed, ways),
            *(_stale(report.seen("stale")) if report.stale_is_fine else []),
            *_half_purged(report),
        ]
    )


def _half_purged(report: Report) -> list[str]:
    """Warn of URLs that some providers cut, and that nobody could look at."""
    sent = {entry for batch in report.plan.batches if batch.kind == "urls" for entry in batch.entries}
    found = [verdict.url for verdict in report.seen("unverified") if verdict.url in sent]
    found = [url for url in found if "," in url or "&" in url]
    if not found:
        return []
    which = f"{count(len(found), 'URL')} with a comma or `&`, where some of the CDN's providers cut a URL, not verified"
    remedy = "Purge the folder above with `dirs`"
    return [f"{which}, so it may stay stale. {remedy}. First of them: {url_line(found[0])}"]


def unseen_message(mapped: Mapped) -> str:
    """Return what to warn of below the root that changed and is no file, nothing if there is none."""
    found = [skip for skip in mapped.skipped if skip.is_unseen]
    if not found:
        return ""
    shown = ", ".join(f"{for_log(skip.path, limit=200)} ({skip.reason})" for skip in found[:MAX_ANNOTATIONS])
    more = f" and {len(found) - MAX_ANNOTATIONS:,} more" if len(found) > MAX_ANNOTATIONS else ""
    what = "what is served below it" if len(found) == 1 else "what is served below them"
    return f"not purged, and {what} may be stale: {shown}{more}. Purge it with `dirs`, or take it out with `exclude`"


def unverified_message(report: Report) -> str:
    """Return what to note of purged URLs that could not be compared, nothing if there are none."""
    found = report.seen("unverified")
    if not found:
        return ""
    reasons = Counter(for_log(verdict.reason) for verdict in found).most_common(3)
    why = "; ".join(f"{number:,}: {reason}" for reason, number in reasons)
    what = f"{count(len(found), 'URL')} purged, but not verified to be fresh ({why})"
    return f"{what}. First of them: {url_line(found[0].url)}"


def at_most_ten(messages: list[str]) -> tuple[str, ...]:
    """Return the messages, the last ones as a count where the runner would drop them."""
    if len(messages) > MAX_ANNOTATIONS:
        kept = MAX_ANNOTATIONS - 1
        messages[kept:] = [f"and {len(messages) - kept} more causes; the log and the outputs have them all"]
    return tuple(messages)


def _causes(failures: Iterable[Outcome], ways: Mapping[str, str], *, fresh: frozenset[str] = frozenset()) -> list[str]:
    groups: dict[tuple[str, str, str], list[Outcome]] = {}
    for outcome in failures:
        way = _DOUBTFUL if outcome.is_doubtful and outcome.kind != "prefetch" else ways[outcome.state]
        groups.setdefault((outcome.host, way, str(outcome.error)), []).append(outcome)
    widest = sorted(groups.items(), key=lambda group: -len(group[1]))
    return [_failure_message(host, way, error, outcomes, fresh) for (host, way, error), outcomes in widest]


def _stale(verdicts: Iterable[Verdict]) -> list[str]:
    groups: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        groups.setdefault(host_of(verdict.url), []).append(verdict)
    return [
        " ".join(
            (
                f"{count(len(stale), 'URL')} of {host} purged, but not {_seen(stale)}",
                *advice(stale),
                f"First of them: {verdict_line(stale[0])}",
            )
        )
        for host, stale in groups.items()
    ]


def problem_message(problem: ZtpurgeError) -> str:
    """Return what to annotate for what ended a run before the first call, after the place where it shows."""
    return f"{problem.place}: {problem}" if problem.place else str(problem)


def problem_messages(error: InvalidInputs) -> tuple[str, ...]:
    """Return what to annotate for inputs that cannot be used: each by its name, at most ten in all."""
    messages = [problem_message(problem) for problem in error.problems]
    if len(messages) > MAX_ANNOTATIONS:
        messages[MAX_ANNOTATIONS - 1 :] = ["; ".join(messages[MAX_ANNOTATIONS - 1 :])]
    return tuple(messages)


def _failure_message(host: str, way: str, error: str, outcomes: list[Outcome], fresh: frozenset[str]) -> str:
    entries = [entry for outcome in outcomes for entry in outcome.entries if entry not in fresh]
    req_ids = [outcome.req_id for outcome in outcomes if outcome.req_id]
    if not entries:
        return f"{count(len(req_ids), 'reqId')}: {error.rstrip('.')}. First of them: {req_ids[0]}"
    kind = NOUNS[outcomes[0].kind] if len({outcome.kind for outcome in outcomes}) == 1 else "entry"
    where = f"{count(len(entries), kind)} of {host} {way} ({count(len(outcomes), 'call')})"
    return f"{where}: {error.rstrip('.')}. First of them: {url_line(entries[0])}"


def _seen(stale: Sequence[Verdict]) -> str:
    if any(verdict.is_seen for verdict in stale):
        return "fresh."
    is_tried = any(verdict.looks for verdict in stale)
    return "seen to be fresh; can the runner reach the host?" if is_tried else "verified to be fresh."
