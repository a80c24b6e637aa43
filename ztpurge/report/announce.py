"""A run told to the runner: its plan, its outcomes, annotations, step outputs, the job summary, the report file.

What stands in outputs, summary and annotations is decided in rooms of their own; here it is what the log says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ztpurge.errors import InvalidInputs, ZtpurgeError
from ztpurge.report import sentences
from ztpurge.report.annotations import annotate
from ztpurge.report.document import describe, describe_refusal, render_json
from ztpurge.report.explain import explain_entries, explain_files, explain_idle, explain_looks
from ztpurge.report.outputs import exit_code, fit, outputs
from ztpurge.report.seen import again_line, late_title, stale_title, verdict_line
from ztpurge.report.values import Report
from ztpurge.runner import MAX_ANNOTATIONS
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ztpurge.calls.redaction import Secrets
    from ztpurge.changes.paths import Change
    from ztpurge.inputs import Inputs
    from ztpurge.report.document import Document
    from ztpurge.runner import Runner

_MOST_LISTED = 20_000  # lines: a browser still shows that log
_MOST_CHANGES_LISTED = 1_000  # who looks for one of more files looks elsewhere
_MOST_IN_SIGHT = 20


def announce_plan(report: Report, changes: tuple[Change, ...], runner: Runner, *, seconds: float) -> None:
    """Say what is about to be done, name what changed and what is skipped, and warn of what changed and is no file.

    `seconds`: what it took to find that out.
    """
    mapped = report.mapped
    plan = sentences.plan_line(mapped, report.plan, len(changes))
    title = sentences.stage_line("What changed", plan, seconds)
    paths = [change.path for change in changes[:_MOST_CHANGES_LISTED]]
    _list(title, paths, runner, left=len(changes) - len(paths))
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
    _list(late_title(report.late), list(map(verdict_line, report.late)), runner, is_wrong=True)
    maybe_stale = [
        verdict_line(fate.verdict) if fate.verdict else sentences.url_line(fate.url)
        for fate in report.maybe_stale
        if not (report.late and fate.verdict)
    ]
    _list(sentences.maybe_stale_title(report.outcomes), maybe_stale, runner, is_wrong=True)
    stale, unverified = report.seen("stale"), report.seen("unverified")
    _list(stale_title(stale), list(map(verdict_line, stale)), runner, is_wrong=True)
    _list("Purged, but not verified", list(map(verdict_line, unverified)), runner)
    states = {verdict.url: verdict.state for verdict in report.verdicts}
    again = [again_line(url, outcome.req_id, states) for outcome in report.again for url in outcome.entries]
    _list("Purged again, since they were stale", again, runner)
    if report.in_browsers.urls:
        runner.say(report.in_browsers.sentence)
    for name, hashed in report.hashed.items():
        runner.say(f"{name}: {hashed.sentence}")
    annotate(report, runner, fail_on_error=inputs.fail_on_error)
    if report.result == "nothing":
        runner.annotate("notice", "ztpurge", headline)
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
    targets = report.mapped.targets
    lines = explain_files(targets, most=_MOST_LISTED)
    left = len({target.path for target in targets}) + len(targets) - len(lines)
    _list("What is purged for each changed file", lines, runner, left=left)
    for told in (*explain_idle(report.sites, report.mapped), *explain_looks(report.sites, report.mapped)):
        runner.say(told)


def _write_summary(document: Document, runner: Runner) -> bool:
    """Show the summary on the run's page; return whether there is one."""
    from ztpurge.report.markdown import render_summary  # noqa: PLC0415 - 8 ms, which a run need not wait for at its start

    return runner.write_summary(render_summary(document))


def announce_traceback(secrets: Secrets, runner: Runner) -> None:
    """Show where ztpurge itself went wrong, while that is being handled."""
    import traceback  # noqa: PLC0415 - 1 ms for what should never be

    for line in secrets.redact(traceback.format_exc()).splitlines():
        runner.say(line)


def _list(title: str, lines: Sequence[str], runner: Runner, *, left: int = 0, is_wrong: bool = False) -> None:
    """List lines, and that so many are `left`, under a title: in sight if few tell what is wrong, else folded away."""
    if is_wrong and len(lines) <= _MOST_IN_SIGHT:
        for line in (title, *(f"  {line}" for line in lines)) if lines else ():
            runner.say(line)
    elif lines:
        left += max(len(lines) - _MOST_LISTED, 0)
        more = [f"and {left:,} more; `report-file` has them all"] if left else []
        runner.fold(title, (f"  {line}" for line in (*lines[:_MOST_LISTED], *more)))
