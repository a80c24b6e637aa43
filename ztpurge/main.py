"""The recipe: environment in, exit code out, in the order of the flow."""

from __future__ import annotations

import os
import random
import traceback
from typing import TYPE_CHECKING, TextIO

from ztpurge import __version__, messages
from ztpurge.changes.listed import parse_list
from ztpurge.errors import InvalidInputs, ZtpurgeError
from ztpurge.inputs import Inputs, parse
from ztpurge.mapping import Site, map_changes
from ztpurge.pace import Pace
from ztpurge.plan import Plan, make_plan, raise_if_too_many
from ztpurge.purge import Outcome, purge
from ztpurge.report import Report, exit_code, fit, outputs, refused_outputs, render_json
from ztpurge.retry import Limits
from ztpurge.summary import render_refusal, render_summary
from ztpurge.workflow import Level, Workflow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ztpurge.cdn import Cdn
    from ztpurge.changes import Change
    from ztpurge.clock import Clock

REFUSED = 2  # the inputs cannot be used; nothing was called


def run(environ: Mapping[str, str], out: TextIO, clock: Clock) -> int:
    """Purge what changed, tell the runner, and return the exit code; never raises for what comes from outside."""
    workflow = Workflow(environ, out)
    workflow.mask(environ.get("INPUT_TOKEN", ""))
    try:
        return _purge_what_changed(environ, workflow, clock)
    except InvalidInputs as error:
        return _refuse(workflow, messages.problem_messages(error))
    except ZtpurgeError as error:
        return _refuse(workflow, (f"{error.place}: {error}" if error.place else str(error),))
    except Exception:  # noqa: BLE001 - a bug must still leave an annotation: the runner gives none
        for line in traceback.format_exc().splitlines():
            workflow.say(line)
        workflow.annotate(
            "error", "ztpurge", "ztpurge has a bug (the log has the traceback); what was purged is unknown"
        )
        workflow.set_outputs(refused_outputs())
        return 1


def _purge_what_changed(environ: Mapping[str, str], workflow: Workflow, clock: Clock) -> int:
    began = clock.now()
    workflow.say(f"ztpurge {__version__}")
    inputs = parse(environ, check=lambda inputs: _check_files(inputs, workflow))
    changes = _changes(inputs, workflow)
    mapped = map_changes(_site(inputs), changes)
    plan = make_plan([target.url for target in mapped.targets] + list(inputs.urls), inputs.dirs)
    raise_if_too_many(plan, inputs.max_urls)
    _tell_plan(Report(mapped, plan), changes, workflow)
    if inputs.dry_run:
        outcomes = _pretend(plan, workflow)
    elif plan.batches:
        outcomes = _submit(plan, inputs, _connect(inputs, environ, clock), workflow, clock)
    else:
        outcomes = ()
    return _tell(Report(mapped, plan, outcomes, clock.now() - began), inputs, workflow)


def _check_files(inputs: Inputs, workflow: Workflow) -> Iterator[ZtpurgeError]:
    for name, value, look in (
        ("files-from", inputs.files_from, workflow.list_file),
        ("report-file", inputs.report_file, workflow.report_file),
    ):
        try:
            if value:
                look(value)
        except ZtpurgeError as error:
            yield error.at(name)


def _changes(inputs: Inputs, workflow: Workflow) -> tuple[Change, ...]:
    source = "files-from" if inputs.files_from else "files"
    try:
        listed = workflow.read_list(inputs.files_from) if inputs.files_from else os.fsencode(inputs.files)
        return parse_list(listed, inputs.files_format)
    except ZtpurgeError as error:
        raise error.at(source) from error


def _site(inputs: Inputs) -> Site:
    return Site(
        base_urls=inputs.base_url,
        root=inputs.root,
        include=inputs.include,
        exclude=inputs.exclude,
        index_files=inputs.index_files,
        clean_urls=inputs.clean_urls,
    )


def _connect(inputs: Inputs, environ: Mapping[str, str], clock: Clock) -> Cdn:
    from ztpurge.cdn import Cdn  # noqa: PLC0415 - its imports are for runs that call somebody

    return Cdn(inputs.api_url, inputs.token, environ=environ, clock=clock)


def _submit(plan: Plan, inputs: Inputs, cdn: Cdn, workflow: Workflow, clock: Clock) -> tuple[Outcome, ...]:
    deadline = clock.now() + inputs.timeout
    if inputs.delay:
        workflow.say(f"Waiting {inputs.delay:g} s for the origin to catch up")
        clock.sleep(inputs.delay)

    def tell(outcome: Outcome) -> None:
        workflow.say(messages.outcome_line(outcome, plan))
        for entry in outcome.batch.entries:
            workflow.detail(f"{outcome.status} {entry}")

    return purge(
        plan,
        call=cdn.purge,
        concurrency=inputs.concurrency,
        limits=Limits(retries=inputs.retries, request_timeout=inputs.request_timeout, deadline=deadline),
        pace=Pace(inputs.pace, clock),
        clock=clock,
        jitter=random.random,
        on_outcome=tell,
    )


def _pretend(plan: Plan, workflow: Workflow) -> tuple[Outcome, ...]:
    outcomes = tuple(Outcome(number, batch, "dry-run") for number, batch in enumerate(plan.batches, start=1))
    for outcome in outcomes:
        with workflow.group(messages.outcome_line(outcome, plan)):
            for entry in outcome.batch.entries:
                workflow.say(f"  {entry}")
    return outcomes


def _tell_plan(report: Report, changes: tuple[Change, ...], workflow: Workflow) -> None:
    workflow.say(messages.plan_line(report, len(changes)))
    if report.mapped.skipped:
        with workflow.group(f"Skipped: {messages.skip_counts(report.mapped)}"):
            for skip in report.mapped.skipped:
                workflow.say(f"  {skip.path}  ({skip.reason})")


def _tell(report: Report, inputs: Inputs, workflow: Workflow) -> int:
    workflow.say(messages.headline(report))
    level: Level = "error" if inputs.fail_on_error else "warning"
    for message in messages.failure_messages(report):
        workflow.annotate(level, "ztpurge", message)
    if report.result == "nothing":
        workflow.annotate("notice", "ztpurge", messages.headline(report))
    written = _write_report(report, inputs.report_file, workflow)
    values, emptied = fit(outputs(report, report_file=written))
    if emptied:
        where = f"see {written}" if written else "set `report-file` to have them in a file"
        workflow.annotate(
            "warning", "ztpurge", f"too long for a step output, left empty: {', '.join(emptied)}; {where}"
        )
    workflow.set_outputs(values)
    workflow.write_summary(render_summary(report))
    return exit_code(report, fail_on_error=inputs.fail_on_error)


def _write_report(report: Report, name: str, workflow: Workflow) -> str:
    try:
        if name:
            workflow.write_report(name, render_json(report))
    except ZtpurgeError as error:
        workflow.annotate("warning", "ztpurge", f"report-file: {error}; the run goes on")
        return ""
    return name


def _refuse(workflow: Workflow, problems: tuple[str, ...]) -> int:
    for problem in problems:
        workflow.annotate("error", "ztpurge", problem)
    workflow.set_outputs(refused_outputs())
    workflow.write_summary(render_refusal(problems))
    return REFUSED
