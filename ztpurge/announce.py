"""A run told to the runner: plan and outcomes in the log, annotations, step outputs, the job summary, the report file.

What is said is decided in `messages.py`, `annotations.py`, `summary.py` and `report.py`, how it is written in
`workflow.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ztpurge import messages
from ztpurge.annotations import at_most_ten, failure_messages, unseen_message, unverified_message, warning_messages
from ztpurge.errors import ZtpurgeError
from ztpurge.report import Report, exit_code, fit, outputs, refused_outputs, render_json
from ztpurge.summary import render_refusal, render_summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ztpurge.changes import Change
    from ztpurge.inputs import Inputs
    from ztpurge.plan import Plan
    from ztpurge.purge import Outcome
    from ztpurge.workflow import Workflow

_MOST_LISTED = 20_000  # lines: a browser still shows that log


def announce_plan(report: Report, changes: tuple[Change, ...], workflow: Workflow) -> None:
    """Say what is about to be done, and name what is skipped."""
    workflow.say(messages.plan_line(report, len(changes)))
    if report.mapped.skipped:
        with workflow.group(f"Skipped: {messages.skip_counts(report.mapped)}"):
            for skip in report.mapped.skipped:
                workflow.say(f"  {skip.path}  ({skip.reason})")
    unseen = unseen_message(report.mapped)
    if unseen:
        workflow.annotate("warning", "ztpurge", unseen)


def announce(report: Report, inputs: Inputs, workflow: Workflow) -> int:
    """Say what was done, everywhere where somebody looks, and return the exit code."""
    workflow.say(messages.headline(report))
    # first what later steps read: the lists of very many URLs take their time
    written = _write_report(report, inputs.report_file, workflow)
    values, emptied = fit(outputs(report, report_file=written))
    workflow.set_outputs(values)
    _list(messages.maybe_stale_title(report), messages.maybe_stale_lines(report), workflow)
    stale = report.seen("stale")
    _list(messages.stale_title(stale), list(map(messages.verdict_line, stale)), workflow)
    _list("Purged, but not verified", list(map(messages.verdict_line, report.seen("unverified"))), workflow)
    failures, warnings = failure_messages(report), warning_messages(report)
    if not (inputs.fail_on_error or report.refusal):
        failures, warnings = (), at_most_ten([*failures, *warnings])
    for message in failures:
        workflow.annotate("error", "ztpurge", message)
    for message in warnings:
        workflow.annotate("warning", "ztpurge", message)
    for message in filter(None, (unverified_message(report), messages.cut_message(report))):
        workflow.annotate("notice", "ztpurge", message)
    if report.result == "nothing":
        workflow.annotate("notice", "ztpurge", messages.headline(report))
    if emptied:
        where = f"see {written}" if written else "set `report-file` to have them in a file"
        workflow.annotate(
            "warning", "ztpurge", f"too long for a step output, left empty: {', '.join(emptied)}; {where}"
        )
    workflow.write_summary(render_summary(report))
    return exit_code(report, fail_on_error=inputs.fail_on_error)


def _list(title: str, lines: Sequence[str], workflow: Workflow) -> None:
    if lines:
        with workflow.group(title):
            for line in lines[:_MOST_LISTED]:
                workflow.say(f"  {line}")
            if len(lines) > _MOST_LISTED:
                workflow.say(f"  and {len(lines) - _MOST_LISTED:,} more; `report-file` has them all")


def _write_report(report: Report, name: str, workflow: Workflow) -> str:
    try:
        if name:
            workflow.write_file(name, render_json(report))
    except ZtpurgeError as error:
        workflow.annotate("warning", "ztpurge", f"report-file: {error}; the run goes on")
        return ""
    return name


def announce_refusal(problems: tuple[str, ...], workflow: Workflow) -> int:
    """Say why nothing was called, before it was known what to call for; return the exit code."""
    for problem in problems:
        workflow.annotate("error", "ztpurge", problem)
    workflow.set_outputs(refused_outputs())
    workflow.write_summary(render_refusal(problems))
    return 2


def announce_dry_run(outcomes: tuple[Outcome, ...], plan: Plan, workflow: Workflow) -> None:
    """Name each URL that a real run would send, call by call."""
    line = messages.outcome_lines(plan)
    for outcome in outcomes:
        with workflow.group(line(outcome)):
            for entry in outcome.batch.entries:
                workflow.say(f"  {messages.url_line(entry)}")


def announce_traceback(trace: str, workflow: Workflow) -> None:
    """Show where ztpurge itself went wrong."""
    for line in trace.splitlines():
        workflow.say(line)
