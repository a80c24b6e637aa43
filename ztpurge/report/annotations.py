"""A run on its page: errors, warnings and notices, one a cause, and then at the changed files behind them.

Of each level there are no more than the runner keeps; the last one counts the others.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ztpurge.errors import BUG, Position
from ztpurge.report import sentences
from ztpurge.report.files import find_troubles
from ztpurge.report.seen import advice, late_advice, verdict_line
from ztpurge.site.urls import host_of
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from ztpurge.cdn.purge import Outcome
    from ztpurge.edge.judge import Verdict
    from ztpurge.report.files import Trouble
    from ztpurge.report.values import Report
    from ztpurge.runner import Level, Runner

_AGAIN_WAYS = {"failed": "not purged again", "partial": "not purged again"}
_PREFETCH_WAYS = {"failed": "not prefetched", "partial": "not prefetched", "pending": "not confirmed as prefetched"}


def annotate(report: Report, runner: Runner, *, fail_on_error: bool) -> None:
    """Show what is wrong with a run, as errors if it makes the run red."""
    for level, message in _messages(report, fail_on_error=fail_on_error, room_for=runner.room_for):
        runner.annotate(level, "ztpurge", message)
    _annotate_files(report, runner, fail_on_error=fail_on_error)


def _messages(report: Report, *, fail_on_error: bool, room_for: Callable[[Level], int]) -> Iterator[tuple[Level, str]]:
    """Yield what to annotate: errors if they make the run red, warnings, notices; of each as many as there is room."""
    stale = _stale(report)
    warnings = [
        *_causes(report, report.unreported, {"done": "not reported done"}),
        *_causes(report, (outcome for outcome in report.again if outcome.error), _AGAIN_WAYS),
        *_causes(report, (outcome for outcome in report.prefetched if outcome.error), _PREFETCH_WAYS),
        *(stale if report.stale_is_fine else ()),
    ]
    # of a URL with one of these some providers cut a part, and nobody could look at those here
    sent = (fate for fate in report.fates if fate.kind == "urls" and not fate.is_folded)
    unseen = [fate.url for fate in sent if fate.state == "unverified"]
    if cut := [url for url in unseen if "," in url or "&" in url]:
        which = f"{sentences.count(len(cut), 'URL')} with a comma or `&`, where some of the CDN's providers cut a URL"
        remedy = f"Purge the folder above with `dirs`. First of them: {sentences.url_line(cut[0])}"
        warnings.append(f"{which}, not verified, so it may stay stale. {remedy}")
    errors = [
        *([BUG] if report.has_bug else ()),
        *(_late(report) if report.late else _causes(report, report.failures, report.ways)),
        *(() if report.stale_is_fine else stale),
    ]
    if report.refusal:
        errors = [sentences.problem_message(report.refusal)]
    elif not fail_on_error:
        errors, warnings = [], [*errors, *warnings]
    yield from (("error", message) for message in _at_most(room_for("error"), errors))
    yield from (("warning", message) for message in _at_most(room_for("warning"), warnings))
    unverified = report.seen("unverified")
    if unverified:
        reasons = Counter(for_log(verdict.reason) for verdict in unverified).most_common(3)
        why = "; ".join(f"{number:,}: {reason}" for reason, number in reasons)
        what = f"{sentences.count(len(unverified), 'URL')} purged, but not verified to be fresh ({why})"
        yield "notice", f"{what}. First of them: {sentences.url_line(unverified[0].url)}"
    if not_whole := sentences.cut_message(report.outcomes):
        yield "notice", not_whole


def _at_most(room: int, messages: Sequence[str]) -> Sequence[str]:
    """Return the messages, the last ones as a count where the runner would drop them."""
    if len(messages) <= room:
        return messages
    kept = messages[: max(room - 1, 0)]
    return (*kept, f"and {len(messages) - len(kept)} more causes; the log and the outputs have them all")


def _causes(report: Report, outcomes: Iterable[Outcome], ways: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for the calls of a host that went wrong in one way and for one cause, the widest first."""
    fresh = {verdict.url for verdict in report.verdicts if verdict.state == "fresh"}
    groups: dict[tuple[str, str, str], list[Outcome]] = {}
    for outcome in outcomes:
        way = sentences.DOUBTFUL if outcome.is_doubtful and outcome.kind != "prefetch" else ways[outcome.state]
        groups.setdefault((outcome.host, way, str(outcome.error)), []).append(outcome)
    for (host, way, error), alike in sorted(groups.items(), key=lambda group: -len(group[1])):
        entries = [
            entry
            for outcome in alike
            for entry in outcome.entries
            if not (outcome.state == "pending" and outcome.kind == "urls" and entry in fresh)
        ]
        if entries:
            noun = sentences.NOUNS[alike[0].kind] if len({outcome.kind for outcome in alike}) == 1 else "entry"
            which = f"{sentences.count(len(entries), noun)} of {host} {way} ({sentences.count(len(alike), 'call')})"
            first = sentences.url_line(entries[0])
        else:  # the service lists nothing of another step's reqIds
            req_ids = [outcome.req_id for outcome in alike if outcome.req_id]
            which, first = sentences.count(len(req_ids), "reqId"), req_ids[0]
        yield f"{which}: {error.rstrip('.')}. First of them: {first}"


def _late(report: Report) -> Iterator[str]:
    """Yield why nothing was purged: of the calls there is nothing else to say."""
    yield " ".join(
        (f"{report.why_held_back}.", *late_advice(report.late), f"First of them: {verdict_line(report.late[0])}")
    )


def _stale(report: Report) -> list[str]:
    """Return a sentence a host whose URLs were not seen to be fresh."""
    groups: dict[str, list[Verdict]] = {}
    again = report.purged_again
    for verdict in report.seen("stale"):
        groups.setdefault(host_of(verdict.url), []).append(verdict)
    messages = []
    for host, stale in groups.items():
        is_tried = any(verdict.looks for verdict in stale)
        unseen = "seen to be fresh; can the runner reach the host?" if is_tried else "verified to be fresh."
        which = f"{sentences.count(len(stale), 'URL')} of {host} purged, but not"
        how = "fresh." if any(verdict.is_seen for verdict in stale) else unseen
        first = f"First of them: {verdict_line(stale[0])}"
        messages.append(" ".join((which, how, *advice(stale, again=again), first)))
    return messages


def _annotate_files(report: Report, runner: Runner, *, fail_on_error: bool) -> None:
    """Point at the changed files behind what went wrong, as many as the runner has room for; count the others."""
    of_level: dict[Level, list[Trouble]] = {"error": [], "warning": []}
    for trouble in find_troubles(report):
        of_level["error" if fail_on_error and not trouble.is_borne else "warning"].append(trouble)
    for level, found in of_level.items():
        room = runner.room_for(level)
        shown = found if len(found) <= room else found[: max(room - 1, 0)]
        for trouble in shown:
            runner.annotate(level, "ztpurge", trouble.message, at=Position(trouble.path))
        if room and len(shown) < len(found):
            rest = sentences.count(len(found) - len(shown), "more changed file")
            runner.annotate(level, "ztpurge", f"and {rest} with such URLs; the log and the outputs have them all")
