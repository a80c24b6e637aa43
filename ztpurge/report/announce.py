"""A run told to the runner: plan and outcomes in the log, annotations, step outputs, the job summary, the report file.

What is said is decided in `sentences.py`, `annotations.py`, `summary.py` and `report.py`, how it is written in
`workflow.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ztpurge.errors import ZtpurgeError
from ztpurge.report import sentences
from ztpurge.report.annotations import (
    at_most_ten,
    failure_messages,
    unseen_message,
    unverified_message,
    warning_messages,
)
from ztpurge.report.markdown import render_refusal, render_summary
from ztpurge.report.values import Report, exit_code, fit, outputs, refused_outputs, render_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ztpurge.cdn.plan import Plan
    from ztpurge.cdn.purge import Outcome
    from ztpurge.changes.paths import Change
    from ztpurge.inputs import Inputs
    from ztpurge.runner import Runner

_MOST_LISTED = 20_000  # lines: a browser still shows that log


def announce_plan(report: Report, changes: tuple[Change, ...], runner: Runner) -> None:
    """Say what is about to be done, and name what is skipped."""
    runner.say(sentences.plan_line(report, len(changes)))
    if report.mapped.skipped:
        with runner.group(f"Skipped: {sentences.skip_counts(report.mapped)}"):
            for skip in report.mapped.skipped:
                runner.say(f"  {skip.path}  ({skip.reason})")
    unseen = unseen_message(report.mapped)
    if unseen:
        runner.annotate("warning", "ztpurge", unseen)


def announce(report: Report, inputs: Inputs, runner: Runner) -> int:
    """Say what was done, everywhere where somebody looks, and return the exit code."""
    runner.say(sentences.headline(report))
    # first what later steps read: the lists of very many URLs take their time
    written = _write_report(report, inputs.report_file, runner)
    values, emptied = fit(outputs(report, report_file=written))
    runner.set_outputs(values)
    _list(sentences.maybe_stale_title(report), sentences.maybe_stale_lines(report), runner)
    stale = report.seen("stale")
    _list(sentences.stale_title(stale), list(map(sentences.verdict_line, stale)), runner)
    _list("Purged, but not verified", list(map(sentences.verdict_line, report.seen("unverified"))), runner)
    failures, warnings = failure_messages(report), warning_messages(report)
    if not (inputs.fail_on_error or report.refusal):
        failures, warnings = (), at_most_ten([*failures, *warnings])
    for message in failures:
        runner.annotate("error", "ztpurge", message)
    for message in warnings:
        runner.annotate("warning", "ztpurge", message)
    for message in filter(None, (unverified_message(report), sentences.cut_message(report))):
        runner.annotate("notice", "ztpurge", message)
    if report.result == "nothing":
        runner.annotate("notice", "ztpurge", sentences.headline(report))
    if emptied:
        where = f"see {written}" if written else "set `report-file` to have them in a file"
        runner.annotate("warning", "ztpurge", f"too long for a step output, left empty: {', '.join(emptied)}; {where}")
    runner.write_summary(render_summary(report))
    return exit_code(report, fail_on_error=inputs.fail_on_error)


def _list(title: str, lines: Sequence[str], runner: Runner) -> None:
    if lines:
        with runner.group(title):
            for line in lines[:_MOST_LISTED]:
                runner.say(f"  {line}")
            if len(lines) > _MOST_LISTED:
                runner.say(f"  and {len(lines) - _MOST_LISTED:,} more; `report-file` has them all")


def _write_report(report: Report, name: str, runner: Runner) -> str:
    try:
        if name:
            runner.write_file(name, render_json(report))
    except ZtpurgeError as error:
        runner.annotate("warning", "ztpurge", f"report-file: {error}; the run goes on")
        return ""
    return name


def announce_refusal(problems: tuple[str, ...], runner: Runner) -> int:
    """Say why nothing was called, before it was known what to call for; return the exit code."""
    for problem in problems:
        runner.annotate("error", "ztpurge", problem)
    runner.set_outputs(refused_outputs())
    runner.write_summary(render_refusal(problems))
    return 2


def announce_dry_run(outcomes: tuple[Outcome, ...], plan: Plan, runner: Runner) -> None:
    """Name each URL that a real run would send, call by call."""
    line = sentences.outcome_lines(plan)
    for outcome in outcomes:
        with runner.group(line(outcome)):
            for entry in outcome.entries:
                runner.say(f"  {sentences.url_line(entry)}")


def announce_traceback(trace: str, runner: Runner) -> None:
    """Show where ztpurge itself went wrong."""
    for line in trace.splitlines():
        runner.say(line)
