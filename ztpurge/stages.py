"""What a run does to the CDN, stage by stage: purge, wait, prefetch, verify; each tells the log how far it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ztpurge.cdn.plan import Plan, plan_prefetch
from ztpurge.cdn.purge import Outcome, purge
from ztpurge.cdn.wait import Waiting, some_of
from ztpurge.changes.contents import Unknown
from ztpurge.edge.expected import Gone, expect
from ztpurge.edge.judge import Verdict
from ztpurge.edge.verify import Verification
from ztpurge.errors import ZtpurgeError
from ztpurge.report import sentences
from ztpurge.report.values import WORDS, accepted_directories, accepted_urls

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ztpurge.edge.expected import Expected
    from ztpurge.site.mapping import Mapped
    from ztpurge.sources.source import Source
    from ztpurge.step import Step

_ASK_LATER = "Raise `wait-timeout`, or ask later with `command: status`"
_LOOK_INSTEAD = f"{_ASK_LATER}; this server may never report an end, but `verify: true` sees for itself"
_A_DIRECTORY = Unknown("a whole directory: which URLs lie below it is not known")


def find_expected(step: Step, mapped: Mapped, source: Source) -> dict[str, Expected]:
    """Tell what each URL must serve, if that is to be compared or prefetched; nobody may be able to tell."""
    if step.inputs.verify == "off" and not step.inputs.prefetch:
        return {}
    try:
        files = source.contents(frozenset(path for behind in mapped.candidates.values() for path in behind.paths))
    except ZtpurgeError as error:
        if step.inputs.verify == "off":  # a prefetch leaves out what is deleted, and may ask for too much
            return {}
        return dict.fromkeys(mapped.candidates, Unknown(f"what it must serve is not known: {error}", is_failure=True))
    return expect(mapped.candidates, files)


def submit(step: Step, plan: Plan, *, on_outcome: Callable[[Outcome], None]) -> tuple[Outcome, ...]:
    """Purge what is planned; `on_outcome` hears of each outcome at once."""
    if not plan.batches:
        return ()
    if step.inputs.delay:
        step.runner.say(f"Waiting {step.inputs.delay:g} s for the origin to catch up")
        step.clock.sleep(step.inputs.delay)
    step.purged_at = step.clock.now()
    return purge(plan, step.cdn().purge, step.scheduler, _telling(step, plan, on_outcome))


def wait(step: Step, outcomes: tuple[Outcome, ...], *, end: float) -> tuple[Outcome, ...]:
    """Wait until each reqId is done; outcomes whose reqId is not at `end` on the clock are pending.

    Time to verify those is left.
    """
    accepted = sum(outcome.state == "accepted" for outcome in outcomes)
    if not accepted:
        return outcomes
    scheduler = step.scheduler.until(end, "`wait-timeout`")
    is_verified = step.inputs.verify != "off"
    if is_verified:
        to_look = min(step.inputs.verify_timeout, (step.scheduler.end - step.clock.now()) / 2)
        scheduler = scheduler.until(step.scheduler.end - to_look, "what `verify` needs of the run's `timeout`")
    seconds = max(scheduler.end - step.clock.now(), 0)
    step.runner.say(f"Waiting for {sentences.count(accepted, 'reqId')}, {seconds:.0f} s at most")
    waiting = Waiting(step.cdn(), scheduler, again=True, remedy=_ASK_LATER if is_verified else _LOOK_INSTEAD)
    return waiting.ask_after(
        outcomes, on_end=lambda outcome: step.runner.say(sentences.progress_line(outcome)), on_round=_counting(step)
    )


def prefetch(
    step: Step, plan: Plan, outcomes: tuple[Outcome, ...], expected: Mapping[str, Expected]
) -> tuple[Outcome, ...]:
    """Have the edges fetch what was purged, done or not, and is still there."""
    urls = [url for url in accepted_urls(plan, outcomes) if not isinstance(expected.get(url), Gone)]
    prefetches = plan_prefetch(urls)
    if not prefetches.batches or step.clock.stopped():
        return ()
    calls = sentences.count(len(prefetches.batches), "call")
    step.runner.say(f"Prefetching {sentences.count(prefetches.size, 'URL')} in {calls}")
    # what fails here is a warning: it must not use up the time to verify, which is not
    half = (step.scheduler.end - step.clock.now()) / 2
    scheduler = step.scheduler.within(half, "prefetching's half of the time that was left")
    return purge(prefetches, step.cdn().prefetch, scheduler, _telling(step, prefetches, lambda _outcome: None))


def look(
    step: Step, plan: Plan, outcomes: tuple[Outcome, ...], expected: Mapping[str, Expected], source: Source
) -> tuple[Verdict, ...]:
    """Look whether each URL that was purged, done or not, is fresh; of a directory nobody can tell."""
    purged = {url: expected[url] for url in accepted_urls(plan, outcomes)}
    directories = accepted_directories(outcomes)
    untold = {url: what for url, what in purged.items() if isinstance(what, Unknown) and what.is_failure}
    of_directories = tuple(Verdict(url, "unverified", _A_DIRECTORY.reason) for url in directories)
    if untold:
        missed = (Verdict(url, "stale", what.reason, is_seen=False) for url, what in untold.items())
        return (*missed, *of_directories)
    if not purged:
        return of_directories
    scheduler = step.scheduler.within(step.inputs.verify_timeout, "`verify-timeout`")
    began = step.clock.now()
    step.runner.say(f"Verifying {sentences.count(len(purged), 'URL')}, {max(scheduler.end - began, 0):.0f} s at most")
    sight = Verification(purged, step.edges(), scheduler, pointer_of=source.pointer_of, purged_at=step.purged_at)
    verdicts = sight.run(
        on_verdict=lambda verdict: step.runner.detail(f"{verdict.state} {sentences.verdict_line(verdict)}"),
        on_round=lambda left: step.runner.say(f"  {left:,} not fresh yet after {step.clock.now() - began:.0f} s"),
    )
    return verdicts + of_directories


def ask_for_status(step: Step) -> tuple[Outcome, ...]:
    """Ask after the reqIds of another step, until they are done if that is to be waited for."""
    inputs = step.inputs
    given = (
        Outcome(number, "urls", "", (), "accepted", req_id) for number, req_id in enumerate(inputs.req_ids or (), 1)
    )
    scheduler = step.scheduler.within(inputs.wait_timeout, "`wait-timeout`") if inputs.wait else step.scheduler
    waiting = Waiting(step.cdn(), scheduler, again=inputs.wait, remedy=_ASK_LATER if inputs.wait else "")
    outcomes = waiting.ask_after(given, on_end=lambda _outcome: None, on_round=_counting(step))
    for outcome in outcomes:
        step.runner.say(sentences.progress_line(outcome))
    return outcomes


def _counting(step: Step) -> Callable[[int, tuple[str, ...]], None]:
    """Return what tells the log how many reqIds are left after a round, and which providers are late."""
    began = step.clock.now()

    def tell(left: int, late: tuple[str, ...]) -> None:
        providers = f"; of the providers {some_of(late)}" if late else ""
        step.runner.say(f"  {left:,} still under way after {step.clock.now() - began:.0f} s{providers}")

    return tell


def _telling(step: Step, plan: Plan, on_outcome: Callable[[Outcome], None]) -> Callable[[Outcome], None]:
    """Return what tells the log of each call that ended, and `on_outcome` before that."""
    line = sentences.outcome_lines(plan)

    def tell(outcome: Outcome) -> None:
        on_outcome(outcome)
        step.runner.say(line(outcome))
        for entry in outcome.entries:
            step.runner.detail(f"{WORDS.get(outcome.state, outcome.state)} {entry}")

    return tell
