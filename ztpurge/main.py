"""The recipe: environment in, exit code out, in the order of the flow."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, TextIO

from ztpurge import __version__, stages
from ztpurge.calls.redaction import Secrets, check_proxies, secrets_of
from ztpurge.cdn.plan import Plan, make_plan, raise_if_too_many
from ztpurge.cdn.purge import Outcome
from ztpurge.edge.judge import confirm_by_sight
from ztpurge.errors import BUG, InvalidInputs, ZtpurgeError
from ztpurge.inputs import Inputs, parse
from ztpurge.report.annotations import problem_message, problem_messages
from ztpurge.report.announce import announce, announce_dry_run, announce_plan, announce_refusal, announce_traceback
from ztpurge.report.cautions import find_cautions
from ztpurge.report.values import Report, broken_off, refused
from ztpurge.runner import Runner
from ztpurge.site.mapping import Site, map_changes
from ztpurge.sources.opening import FilesOfInputs, check_files, look_around, open_source
from ztpurge.step import Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ztpurge.calls.clock import Clock
    from ztpurge.sources.source import Source


def run(environ: Mapping[str, str], out: TextIO, clock: Clock) -> int:
    """Purge what changed, tell the runner, and return the exit code; never raises for what comes from outside."""
    secrets = secrets_of(environ)
    runner = Runner(environ, out)
    for name in ("INPUT_TOKEN", "INPUT_PASSWORD", "INPUT_GITHUB-TOKEN"):
        runner.mask(environ.get(name, ""))
    try:
        return _run(environ, runner, clock, secrets)
    except InvalidInputs as error:
        return announce_refusal(problem_messages(error), runner)
    except ZtpurgeError as error:
        return announce_refusal((problem_message(error),), runner)
    except Exception:  # noqa: BLE001 - a bug must still leave an annotation
        announce_traceback(secrets.redact(traceback.format_exc()), runner)
        announce_refusal((BUG,), runner)
        return 1


def _run(environ: Mapping[str, str], runner: Runner, clock: Clock, secrets: Secrets) -> int:
    began = clock.now()
    runner.say(f"ztpurge {__version__}")
    found = FilesOfInputs()
    inputs = parse(environ, check=lambda inputs: chain(check_files(inputs, runner, found), check_proxies(environ)))
    step = Step(inputs, environ, runner, clock, secrets=secrets, began=began)
    return _tell_status(step) if inputs.command == "status" else _purge_what_changed(step, found)


def _purge_what_changed(step: Step, found: FilesOfInputs) -> int:
    inputs, runner = step.inputs, step.runner
    site = _site(inputs)
    source = open_source(step, site, found)
    mapped = map_changes(site, source.changes)
    plan = make_plan([target.url for target in mapped.targets] + list(inputs.urls), inputs.dirs)
    story = _Story(Report(mapped, plan, stale_is_fine=inputs.verify == "warn"))
    announce_plan(story.report, source.changes, runner)
    for caution in find_cautions(inputs, site, mapped, plan, look_around(step)):
        runner.annotate("warning", "ztpurge", caution)
    try:
        _begin(step, story.report, source)
    except ZtpurgeError as error:
        return announce(refused(story.report, error), inputs, runner)
    try:
        _carry_out(step, story, source, site)
    except Exception:  # noqa: BLE001 - what has a reqId, and what may be stale, must be named all the same
        announce_traceback(step.secrets.redact(traceback.format_exc()), runner)
        story.report = broken_off(story.report, story.heard, wait=inputs.wait, verify=inputs.verify != "off")
    return announce(story.report, inputs, runner)


@dataclass(slots=True)
class _Story:
    """What a run has come to so far, so that there is a report of it wherever it ends."""

    report: Report
    heard: list[Outcome] = field(default_factory=list)

    def tell(self, **news: Any) -> None:  # noqa: ANN401 - as dataclasses.replace
        self.report = replace(self.report, **news)


def _begin(step: Step, report: Report, source: Source) -> None:
    """Do what may yet end the run before anybody was called; raises ZtpurgeError."""
    raise_if_too_many(report.plan, step.inputs.max_urls)
    if report.plan.batches and not step.inputs.dry_run:
        step.cdn()
    if not step.inputs.dry_run:
        source.begin(report.mapped)


def _carry_out(step: Step, story: _Story, source: Source, site: Site) -> None:
    inputs, mapped, plan = step.inputs, story.report.mapped, story.report.plan
    if inputs.dry_run:
        story.tell(outcomes=_pretend(plan, step.runner), seconds=step.clock.now() - step.began)
        return
    story.tell(outcomes=stages.submit(step, plan, on_outcome=story.heard.append))
    end_of_wait = step.end_in(inputs.wait_timeout)
    if inputs.wait:
        story.tell(outcomes=stages.wait(step, story.report.outcomes, end=end_of_wait), waited=True)
    expected = stages.find_expected(step, plan, mapped, site, source)
    if inputs.prefetch:
        story.tell(prefetched=stages.prefetch(step, plan, story.report.outcomes, expected))
        if inputs.wait:
            story.tell(prefetched=stages.wait(step, story.report.prefetched, end=end_of_wait))
    if inputs.verify != "off":
        verdicts = stages.look(step, plan, story.report.outcomes, expected, source)
        story.tell(verdicts=verdicts, outcomes=confirm_by_sight(story.report.outcomes, verdicts))
    story.tell(seconds=step.clock.now() - step.began)
    _keep(source, story.report, step.runner)


def _tell_status(step: Step) -> int:
    outcomes = stages.ask_for_status(step)
    report = Report(outcomes=outcomes, seconds=step.clock.now() - step.began, is_status=True)
    return announce(report, step.inputs, step.runner)


def _keep(source: Source, report: Report, runner: Runner) -> None:
    """Note what was purged for the next run, which purges more than it need if that fails."""
    try:
        source.end(report.mapped, report.purged_paths)
    except ZtpurgeError as error:
        runner.annotate("warning", "ztpurge", f"{error.place}: {error}; the next run purges these files again")


def _site(inputs: Inputs) -> Site:
    return Site(
        base_urls=inputs.base_url,
        root=inputs.root,
        include=inputs.include,
        exclude=inputs.exclude,
        index_files=inputs.index_files,
        clean_urls=inputs.clean_urls,
    )


def _pretend(plan: Plan, runner: Runner) -> tuple[Outcome, ...]:
    outcomes = tuple(Outcome.of(number, batch, "planned") for number, batch in enumerate(plan.batches, start=1))
    announce_dry_run(outcomes, plan, runner)
    return outcomes
