"""A run told to the runner: its plan, its outcomes, annotations, step outputs, the job summary, the report file.

What stands in outputs and summary is decided in rooms of their own; here it is what the log and the annotations say.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ztpurge.errors import BUG, InvalidInputs, Position, ZtpurgeError
from ztpurge.report import sentences
from ztpurge.report.document import describe, describe_refusal, render_json
from ztpurge.report.explain import explain_entries, explain_files, explain_idle
from ztpurge.report.files import find_troubles
from ztpurge.report.outputs import exit_code, fit, outputs
from ztpurge.report.values import Report
from ztpurge.runner import MAX_ANNOTATIONS
from ztpurge.site.urls import host_of
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from ztpurge.cdn.purge import Outcome
    from ztpurge.changes.paths import Change
    from ztpurge.edge.judge import Verdict
    from ztpurge.inputs import Inputs
    from ztpurge.report.document import Document
    from ztpurge.report.files import Trouble
    from ztpurge.runner import Level, Runner

_MOST_LISTED = 20_000  # lines: a browser still shows that log
_MOST_CHANGES_LISTED = 1_000  # who looks for one of more files looks elsewhere
_MOST_IN_SIGHT = 20
_PREFETCH_WAYS = {"failed": "not prefetched", "partial": "not prefetched", "pending": "not confirmed as prefetched"}


def announce_plan(report: Report, changes: tuple[Change, ...], runner: Runner, *, seconds: float) -> None:
    """Say what is about to be done, name what changed and what is skipped, and warn of what changed and is no file.

    `seconds`: what it took to find that out.
    """
    mapped = report.mapped
    plan = sentences.plan_line(mapped, report.plan, len(changes))
    title = sentences.stage_line("What changed", plan, seconds)
    _list(title, [change.path for change in changes], runner, most=_MOST_CHANGES_LISTED)
    if not changes:
        runner.say(title)
    skipped = [f"{skip.path}  ({skip.reason})" for skip in mapped.skipped]
    _list(f"Skipped: {sentences.skip_counts(mapped)}", skipped, runner)
    unseen = [f"{for_log(skip.path, limit=200)} ({skip.reason})" for skip in mapped.skipped if skip.is_unseen]
    if unseen:
        more = f" and {len(unseen) - MAX_ANNOTATIONS:,} more" if len(unseen) > MAX_ANNOTATIONS else ""
        what = f"what is served below {'it' if len(unseen) == 1 else 'them'} may be stale"
        remedy = "Purge it with `dirs` or a rule, or take it out with `exclude`"
        shown = ", ".join(unseen[:MAX_ANNOTATIONS])
        runner.annotate("warning", "ztpurge", f"not purged, and {what}: {shown}{more}. {remedy}")


def announce_folds(report: Report, runner: Runner, *, seconds: float) -> None:
    """Say which directories are purged in the place of what is below them, and what that takes along.

    `seconds`: what it took to choose them.
    """
    title = sentences.stage_line("Plan", sentences.folds_line(report.plan.folds), seconds)
    _list(title, list(map(sentences.fold_line, report.plan.folds)), runner)
    for directory in report.whole_sites:
        runner.say(f"That is the whole of {directory}")


def announce(report: Report, inputs: Inputs, runner: Runner) -> int:
    """Say what was done, everywhere where somebody looks, and return the exit code."""
    headline = report.headline
    if report.result == "nothing" and report.mapped.skipped:
        headline += f" ({sentences.skip_counts(report.mapped)})"
    # first what later steps read: all the rest takes its time where there are very many URLs
    values, emptied = fit(outputs(report))
    runner.set_outputs(values)
    is_wanted = inputs.summary == "always" or (inputs.summary == "on-failure" and report.is_amiss)
    document = describe(report, report_file=inputs.report_file) if is_wanted or inputs.report_file else {}
    if inputs.report_file:
        try:
            runner.write_file(inputs.report_file, render_json(document))
            runner.set_outputs({"report-file": inputs.report_file})
        except ZtpurgeError as error:
            runner.annotate("warning", "ztpurge", f"report-file: {error}; the run goes on")
            document["report_file"] = ""
    if emptied:
        file = document.get("report_file")
        where = f"see {file}" if file else "set `report-file` to have them in a file"
        runner.annotate("warning", "ztpurge", f"too long for a step output, left empty: {', '.join(emptied)}; {where}")
    maybe_stale = [sentences.url_line(fate.url, fate.verdict) for fate in report.maybe_stale]
    _list(sentences.maybe_stale_title(report.outcomes), maybe_stale, runner, is_wrong=True)
    stale, unverified = report.seen("stale"), report.seen("unverified")
    _list(sentences.stale_title(stale), list(map(sentences.verdict_line, stale)), runner, is_wrong=True)
    _list("Purged, but not verified", list(map(sentences.verdict_line, unverified)), runner)
    for name, hashed in report.hashed.items():
        runner.say(f"{name}: {hashed.sentence}")
    for level, message in annotations_of(report, fail_on_error=inputs.fail_on_error, room_for=runner.room_for):
        runner.annotate(level, "ztpurge", message)
    if report.result == "nothing":
        runner.annotate("notice", "ztpurge", headline)
    _annotate_files(report, runner, fail_on_error=inputs.fail_on_error)
    is_written = is_wanted and _write_summary(document, runner)
    if report.result != "purged":  # whose headline has the time
        headline = f"{headline} ({sentences.duration(report.seconds)})"
    runner.say(sentences.last_line(headline, summary=runner.run_page if is_written else ""))
    return exit_code(report, fail_on_error=inputs.fail_on_error)


def announce_refusal(why: ZtpurgeError, runner: Runner, *, has_summary: bool = True) -> int:
    """Say why nothing was called, before it was known what to call for; return the exit code.

    `has_summary`: the job summary says so, too.
    """
    found = why.problems if isinstance(why, InvalidInputs) else (why,)
    problems = list(map(sentences.problem_message, found))
    if len(problems) > MAX_ANNOTATIONS:
        problems[MAX_ANNOTATIONS - 1 :] = ["; ".join(problems[MAX_ANNOTATIONS - 1 :])]
    for message, problem in zip(problems, found, strict=False):  # the last message may be about several
        runner.annotate("error", "ztpurge", message, at=problem.position)
    runner.set_outputs(outputs(Report()) | {"result": "failed", "success-rate": "0.0"})
    is_written = has_summary and _write_summary(describe_refusal(problems), runner)
    runner.say(sentences.last_line("Nothing was purged", summary=runner.run_page if is_written else ""))
    return 2


def announce_dry_run(report: Report, runner: Runner) -> None:
    """Name each URL that a real run would send and what it is for, call by call, then what each changed file gives."""
    line, why = sentences.outcome_lines(report.plan), explain_entries(report.mapped, report.plan)
    for outcome in report.outcomes:
        entries = [f"{sentences.url_line(entry)}  {why(outcome.kind, entry)}" for entry in outcome.entries]
        _list(line(outcome), entries, runner)
    _list("What is purged for each changed file", list(explain_files(report.mapped)), runner)
    for idle in explain_idle(report.sites, report.mapped):
        runner.say(idle)


def _write_summary(document: Document, runner: Runner) -> bool:
    """Show the summary on the run's page; return whether there is one."""
    from ztpurge.report.markdown import render_summary  # noqa: PLC0415 - 8 ms, which a run need not wait for at its start

    return runner.write_summary(render_summary(document))


def announce_traceback(trace: str, runner: Runner) -> None:
    """Show where ztpurge itself went wrong."""
    for line in trace.splitlines():
        runner.say(line)


def annotations_of(
    report: Report, *, fail_on_error: bool, room_for: Callable[[Level], int]
) -> Iterator[tuple[Level, str]]:
    """Yield what to annotate: errors if they make the run red, warnings, notices; of each as many as there is room."""
    stale = _stale(report)
    warnings = [
        *_causes(report, report.unreported, {"done": "not reported done"}),
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
        *_causes(report, report.failures, report.ways),
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


def _stale(report: Report) -> list[str]:
    """Return a sentence a host whose URLs were not seen to be fresh."""
    groups: dict[str, list[Verdict]] = {}
    for verdict in report.seen("stale"):
        groups.setdefault(host_of(verdict.url), []).append(verdict)
    messages = []
    for host, stale in groups.items():
        is_tried = any(verdict.looks for verdict in stale)
        unseen = "seen to be fresh; can the runner reach the host?" if is_tried else "verified to be fresh."
        which = f"{sentences.count(len(stale), 'URL')} of {host} purged, but not"
        how = "fresh." if any(verdict.is_seen for verdict in stale) else unseen
        first = f"First of them: {sentences.verdict_line(stale[0])}"
        messages.append(" ".join((which, how, *sentences.advice(stale), first)))
    return messages


def _list(
    title: str, lines: Sequence[str], runner: Runner, *, most: int = _MOST_LISTED, is_wrong: bool = False
) -> None:
    """List lines under a title: in sight if they are few and tell what is wrong, else folded away."""
    if is_wrong and len(lines) <= _MOST_IN_SIGHT:
        for line in (title, *(f"  {line}" for line in lines)) if lines else ():
            runner.say(line)
    elif lines:
        with runner.group(title):
            for line in lines[:most]:
                runner.say(f"  {line}")
            if len(lines) > most:
                runner.say(f"  and {len(lines) - most:,} more; `report-file` has them all")
