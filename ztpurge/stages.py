"""What a run does at the CDN, stage by stage: purge, wait, prefetch; each tells the log how far it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ztpurge.cdn.plan import ONLY, plan_prefetch
from ztpurge.cdn.purge import Outcome, Purging
from ztpurge.cdn.wait import Waiting, some_of
from ztpurge.report import sentences
from ztpurge.report.progress import Progress
from ztpurge.report.values import WORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ztpurge.calls.scheduler import Scheduler
    from ztpurge.cdn.api import Cdn
    from ztpurge.cdn.plan import Plan, Wave
    from ztpurge.runner import Runner

_ASK_LATER = "Raise `wait-timeout`, or ask later with `command: status`"
_LOOK_INSTEAD = f"{_ASK_LATER}; this server may never report an end, but `verify: true` sees for itself"


def submit(
    purging: Purging, wave: Wave, runner: Runner, *, earlier: tuple[Outcome, ...], on_outcome: Callable[[Outcome], None]
) -> tuple[Outcome, ...]:
    """Purge what a wave holds, and return its outcomes after the `earlier` ones; `on_outcome` hears of each at once."""
    plan, scheduler, of_wave = purging.plan, purging.scheduler, sentences.of_wave(wave)
    began = scheduler.clock.now()
    sent = replace(plan, batches=tuple(batch for batch in plan.batches if batch.wave == wave.number))
    with runner.group(f"{wave.verb} {sentences.things(sent)} in {sentences.count(len(sent.batches), 'call')}{of_wave}"):
        tell = _telling(plan, len(sent.batches), scheduler, runner, on_outcome)
        outcomes = purging.run(tell, wave=wave, earlier=earlier)
    counts = sentences.entry_counts(outcomes[len(earlier) :])
    runner.say(sentences.stage_line(f"{wave.verb}{of_wave}", counts, scheduler.clock.now() - began))
    return outcomes


def open_waiting(cdn: Cdn, *, is_verified: bool) -> Waiting:
    """Return what asks after reqIds until they are done."""
    return Waiting(cdn, again=True, remedy=_ASK_LATER if is_verified else _LOOK_INSTEAD)


def wait(
    outcomes: tuple[Outcome, ...], waiting: Waiting, scheduler: Scheduler, runner: Runner, *, wave: Wave = ONLY
) -> tuple[Outcome, ...]:
    """Wait until each reqId is done; after the last wave those that are not at the end of the time are pending."""
    accepted = {outcome.req_id for outcome in outcomes if outcome.state == "accepted"}
    if not accepted:
        return outcomes
    began = scheduler.clock.now()
    progress = Progress(len(accepted), "reqId", runner, scheduler.clock)

    def tell(outcome: Outcome) -> None:
        progress.tell(outcome.req_id, sentences.progress_line(outcome), is_wrong=outcome.error is not None)

    what = sentences.count(len(accepted), "reqId")
    of_wave = sentences.of_wave(wave)
    with runner.group(f"Wait for {what}, {max(scheduler.end - began, 0):.0f} s at most{of_wave}"):
        on_round = _counting(scheduler, runner)
        waited = waiting.ask_after(outcomes, scheduler, on_end=tell, on_round=on_round, is_last=wave.is_last)
    counts = sentences.entry_counts((outcome for outcome in waited if outcome.req_id in accepted), is_waited_for=True)
    runner.say(sentences.stage_line(f"Wait{of_wave}", counts, scheduler.clock.now() - began))
    return waited


def prefetch(
    urls: Iterable[str], cdn: Cdn, scheduler: Scheduler, runner: Runner, *, projects: Mapping[str, str] | None = None
) -> tuple[Outcome, ...]:
    """Have the edges fetch URLs; `projects` has the project id of each host that needs one."""
    plan = plan_prefetch(urls, projects=projects)
    if not plan.batches or scheduler.clock.stopped():
        return ()
    # what fails here is a warning: it must not use up the time to verify, which is not
    began = scheduler.clock.now()
    within = scheduler.within((scheduler.end - began) / 2, "prefetching's half of the time that was left")
    with runner.group(f"Prefetch {sentences.things(plan)} in {sentences.count(len(plan.batches), 'call')}"):
        tell = _telling(plan, len(plan.batches), scheduler, runner, lambda _outcome: None)
        outcomes = Purging(plan, cdn.prefetch, within).run(tell)
    runner.say(sentences.stage_line("Prefetch", sentences.entry_counts(outcomes), scheduler.clock.now() - began))
    return outcomes


def ask_for_status(
    req_ids: Iterable[str], cdn: Cdn, scheduler: Scheduler, runner: Runner, *, again: bool
) -> tuple[Outcome, ...]:
    """Ask after the reqIds of another step, once or `again` until they are done."""
    given = [Outcome(number, "urls", "", (), "accepted", req_id) for number, req_id in enumerate(req_ids, start=1)]
    waiting = Waiting(cdn, again=again, remedy=_ASK_LATER if again else "")
    with runner.group(f"Ask after {sentences.count(len(given), 'reqId')}"):
        on_round = _counting(scheduler, runner)
        outcomes = waiting.ask_after(given, scheduler, on_end=lambda _outcome: None, on_round=on_round)
        for outcome in outcomes:
            say = runner.say_openly if outcome.error else runner.say
            say(sentences.progress_line(outcome))
    return outcomes


def _counting(scheduler: Scheduler, runner: Runner) -> Callable[[int, tuple[str, ...]], None]:
    """Return what tells the log how many reqIds are left after a round, and which providers are late."""
    began = scheduler.clock.now()

    def tell(left: int, late: tuple[str, ...]) -> None:
        providers = f"; of the providers {some_of(late)}" if late else ""
        runner.say(f"  {left:,} still under way after {scheduler.clock.now() - began:.0f} s{providers}")

    return tell


def _telling(
    plan: Plan, calls: int, scheduler: Scheduler, runner: Runner, on_outcome: Callable[[Outcome], None]
) -> Callable[[Outcome], None]:
    """Return what tells the log of each of so many calls of a plan that ended, and `on_outcome` before that."""
    line = sentences.outcome_lines(plan)
    progress = Progress(calls, "call", runner, scheduler.clock)

    def tell(outcome: Outcome) -> None:
        on_outcome(outcome)
        progress.tell(outcome.number, line(outcome), is_wrong=outcome.error is not None)
        for entry in outcome.entries:
            runner.detail(f"{WORDS.get(outcome.state, outcome.state)} {entry}")

    return tell
