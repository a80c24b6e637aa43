"""The recipe: environment in, exit code out, in the order of the flow."""

from __future__ import annotations

import functools
import os
import random
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from ztpurge import __version__, messages
from ztpurge.announce import announce, announce_bug, announce_dry_run, announce_plan, announce_refusal
from ztpurge.changes.event import read_event, read_run
from ztpurge.changes.git import Git
from ztpurge.changes.listed import is_split_at_blanks, parse_list
from ztpurge.changes.since import find_changes
from ztpurge.errors import InvalidInputs, ZtpurgeError
from ztpurge.inputs import Inputs, parse
from ztpurge.mapping import Site, map_changes
from ztpurge.pace import Pace
from ztpurge.plan import Plan, make_plan, raise_if_too_many
from ztpurge.purge import Outcome, purge
from ztpurge.report import Report
from ztpurge.retry import Limits
from ztpurge.workflow import Workflow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ztpurge.cdn import Cdn
    from ztpurge.changes import Change
    from ztpurge.changes.github import GitHub
    from ztpurge.clock import Clock


@dataclass(frozen=True, slots=True)
class _Step:
    """What all parts of a run need."""

    inputs: Inputs
    environ: Mapping[str, str]
    workflow: Workflow
    clock: Clock
    limits: Limits


def run(environ: Mapping[str, str], out: TextIO, clock: Clock) -> int:
    """Purge what changed, tell the runner, and return the exit code; never raises for what comes from outside."""
    workflow = Workflow(environ, out)
    for secret in ("INPUT_TOKEN", "INPUT_PASSWORD", "INPUT_GITHUB-TOKEN"):
        workflow.mask(environ.get(secret, ""))
    try:
        return _purge_what_changed(environ, workflow, clock)
    except InvalidInputs as error:
        return announce_refusal(messages.problem_messages(error), workflow)
    except ZtpurgeError as error:
        return announce_refusal((f"{error.place}: {error}" if error.place else str(error),), workflow)
    except Exception:  # noqa: BLE001 - a bug must still leave an annotation
        return announce_bug(traceback.format_exc(), workflow)


def _purge_what_changed(environ: Mapping[str, str], workflow: Workflow, clock: Clock) -> int:
    began = clock.now()
    workflow.say(f"ztpurge {__version__}")
    listed: list[tuple[Change, ...]] = []
    inputs = parse(environ, check=lambda inputs: _check_files(inputs, workflow, listed))
    limits = Limits(retries=inputs.retries, request_timeout=inputs.request_timeout, deadline=began + inputs.timeout)
    step = _Step(inputs, environ, workflow, clock, limits)
    changes = listed[0] if listed else _find_changes(step)
    mapped = map_changes(_site(inputs), changes)
    plan = make_plan([target.url for target in mapped.targets] + list(inputs.urls), inputs.dirs)
    raise_if_too_many(plan, inputs.max_urls)
    announce_plan(Report(mapped, plan), changes, workflow)
    outcomes = _pretend(plan, workflow) if inputs.dry_run else _submit(plan, step)
    return announce(Report(mapped, plan, outcomes, clock.now() - began), inputs, workflow)


def _check_files(inputs: Inputs, workflow: Workflow, listed: list[tuple[Change, ...]]) -> Iterator[ZtpurgeError]:
    """Yield what is wrong with the files that the inputs name; leave the changes that they list in `listed`."""
    try:
        if inputs.has_list:
            listed.append(_listed_changes(inputs, workflow))
    except ZtpurgeError as error:
        yield error.at("files-from" if inputs.files_from else "files")
    try:
        if inputs.report_file:
            workflow.report_file(inputs.report_file)
    except ZtpurgeError as error:
        yield error.at("report-file")


def _find_changes(step: _Step) -> tuple[Change, ...]:
    inputs, environ = step.inputs, step.environ
    if not inputs.base_url:
        step.workflow.annotate(
            "warning" if not (inputs.urls or inputs.dirs) else "notice", "ztpurge", messages.NO_BASE_URL
        )
        return ()
    payload = step.workflow.read_event()
    event = read_event(environ.get("GITHUB_EVENT_NAME", ""), payload, environ.get("GITHUB_SHA", ""))
    found = find_changes(
        inputs.since,
        event,
        read_run(environ, payload),
        checkout=Git(step.workflow.workspace, environ, seconds_left=lambda: step.limits.deadline - step.clock.now()),
        api=functools.cache(lambda: _connect_to_github(step)),
    )
    step.workflow.say(messages.range_line(event.name, found))
    return found.changes


def _listed_changes(inputs: Inputs, workflow: Workflow) -> tuple[Change, ...]:
    listed = workflow.read_list(inputs.files_from) if inputs.files_from else os.fsencode(inputs.files)
    if is_split_at_blanks(listed, inputs.files_format):
        workflow.annotate("warning", "ztpurge", messages.SPLIT_AT_BLANKS)
    return parse_list(listed, inputs.files_format)


def _site(inputs: Inputs) -> Site:
    return Site(
        base_urls=inputs.base_url,
        root=inputs.root,
        include=inputs.include,
        exclude=inputs.exclude,
        index_files=inputs.index_files,
        clean_urls=inputs.clean_urls,
    )


def _connect_to_cdn(step: _Step) -> Cdn:
    from ztpurge.cdn import Cdn, Login  # noqa: PLC0415 - its imports are for runs that call somebody

    inputs = step.inputs
    login = Login(inputs.token, inputs.username, inputs.password)
    return Cdn(inputs.api_url, login, environ=step.environ, clock=step.clock, on_token=step.workflow.mask)


def _connect_to_github(step: _Step) -> GitHub:
    from ztpurge.changes.github import GitHub  # noqa: PLC0415 - the same

    token, environ = step.inputs.github_token, step.environ
    if not (token and environ.get("GITHUB_API_URL") and environ.get("GITHUB_REPOSITORY")):
        raise ZtpurgeError(
            "the checkout lacks what is to be compared, and there is no `github-token` to ask GitHub's API with",
            remedy="Check out with `fetch-depth: 0`, or give the list in `files-from`",
            place="since",
        )
    return GitHub(environ, token, limits=step.limits, pace=Pace(0, step.clock), clock=step.clock)


def _submit(plan: Plan, step: _Step) -> tuple[Outcome, ...]:
    if not plan.batches:
        return ()
    cdn = _connect_to_cdn(step)
    if step.inputs.delay:
        step.workflow.say(f"Waiting {step.inputs.delay:g} s for the origin to catch up")
        step.clock.sleep(step.inputs.delay)

    line = messages.outcome_lines(plan)

    def tell(outcome: Outcome) -> None:
        step.workflow.say(line(outcome))
        for entry in outcome.batch.entries:
            step.workflow.detail(f"{outcome.status} {entry}")

    return purge(
        plan,
        call=cdn.purge,
        concurrency=step.inputs.concurrency,
        limits=step.limits,
        pace=Pace(step.inputs.pace, step.clock),
        clock=step.clock,
        jitter=random.random,
        on_outcome=tell,
    )


def _pretend(plan: Plan, workflow: Workflow) -> tuple[Outcome, ...]:
    outcomes = tuple(Outcome(number, batch, "dry-run") for number, batch in enumerate(plan.batches, start=1))
    announce_dry_run(outcomes, plan, workflow)
    return outcomes
