"""The recipe: environment in, exit code out, in the order of the flow."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, TextIO

from ztpurge import __version__, stages
from ztpurge.annotations import problem_messages
from ztpurge.announce import announce, announce_bug, announce_dry_run, announce_plan, announce_refusal
from ztpurge.errors import InvalidInputs, ZtpurgeError
from ztpurge.inputs import Inputs, parse
from ztpurge.mapping import Site, map_changes
from ztpurge.plan import Plan, make_plan, raise_if_too_many
from ztpurge.purge import Outcome
from ztpurge.report import Report
from ztpurge.sources import FilesOfInputs, check_files, open_source
from ztpurge.step import Step
from ztpurge.workflow import Workflow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ztpurge.clock import Clock
    from ztpurge.source import Source


def run(environ: Mapping[str, str], out: TextIO, clock: Clock) -> int:
    """Purge what changed, tell the runner, and return the exit code; never raises for what comes from outside."""
    workflow = Workflow(environ, out)
    for secret in ("INPUT_TOKEN", "INPUT_PASSWORD", "INPUT_GITHUB-TOKEN"):
        workflow.mask(environ.get(secret, ""))
    try:
        return _run(environ, workflow, clock)
    except InvalidInputs as error:
        return announce_refusal(problem_messages(error), workflow)
    except ZtpurgeError as error:
        return announce_refusal((f"{error.place}: {error}" if error.place else str(error),), workflow)
    except Exception:  # noqa: BLE001 - a bug must still leave an annotation
        return announce_bug(traceback.format_exc(), workflow)


def _run(environ: Mapping[str, str], workflow: Workflow, clock: Clock) -> int:
    began = clock.now()
    workflow.say(f"ztpurge {__version__}")
    found = FilesOfInputs()
    inputs = parse(environ, check=lambda inputs: check_files(inputs, workflow, found))
    step = Step(inputs, environ, workflow, clock, began=began)
    return _tell_status(step) if inputs.command == "status" else _purge_what_changed(step, found)


def _purge_what_changed(step: Step, found: FilesOfInputs) -> int:
    inputs, workflow = step.inputs, step.workflow
    site = _site(inputs)
    source = open_source(step, site, found)
    mapped = map_changes(site, source.changes)
    plan = make_plan([target.url for target in mapped.targets] + list(inputs.urls), inputs.dirs)
    raise_if_too_many(plan, inputs.max_urls)
    announce_plan(Report(mapped, plan), source.changes, workflow)
    if inputs.dry_run:
        report = Report(mapped, plan, _pretend(plan, workflow), step.clock.now() - step.began)
        return announce(report, inputs, workflow)
    expected = stages.find_expected(step, plan, mapped, site, source)
    source.begin(mapped)
    outcomes = stages.submit(step, plan)
    end_of_wait = step.end_in(inputs.wait_timeout)
    if inputs.wait:
        outcomes = stages.wait(step, outcomes, end=end_of_wait)
    prefetched = stages.prefetch(step, plan, outcomes, expected) if inputs.prefetch else ()
    if inputs.wait:
        prefetched = stages.wait(step, prefetched, end=end_of_wait)
    verdicts = stages.look(step, plan, outcomes, expected, source) if inputs.verify != "off" else ()
    report = Report(
        mapped,
        plan,
        outcomes,
        step.clock.now() - step.began,
        waited=inputs.wait,
        prefetched=prefetched,
        verdicts=verdicts,
        stale_is_fine=inputs.verify == "warn",
    )
    _keep(source, report, workflow)
    return announce(report, inputs, workflow)


def _tell_status(step: Step) -> int:
    outcomes = stages.ask_for_status(step)
    plan = Plan(tuple(outcome.batch for outcome in outcomes))
    report = Report(plan=plan, outcomes=outcomes, seconds=step.clock.now() - step.began, is_status=True)
    return announce(report, step.inputs, step.workflow)


def _keep(source: Source, report: Report, workflow: Workflow) -> None:
    """Note what was purged for the next run, which purges more than it need if that fails."""
    try:
        source.end(report.mapped, report.purged_paths)
    except ZtpurgeError as error:
        workflow.annotate("warning", "ztpurge", f"{error.place}: {error}; the next run purges these files again")


def _site(inputs: Inputs) -> Site:
    return Site(
        base_urls=inputs.base_url,
        root=inputs.root,
        include=inputs.include,
        exclude=inputs.exclude,
        index_files=inputs.index_files,
        clean_urls=inputs.clean_urls,
    )


def _pretend(plan: Plan, workflow: Workflow) -> tuple[Outcome, ...]:
    outcomes = tuple(Outcome(number, batch, "dry-run") for number, batch in enumerate(plan.batches, start=1))
    announce_dry_run(outcomes, plan, workflow)
    return outcomes
