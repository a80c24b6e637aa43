"""What a run does to the CDN, stage by stage: purge, wait, prefetch, verify; each tells the log how far it is."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

from ztpurge.cdn.plan import Plan, plan_prefetch
from ztpurge.cdn.purge import Outcome, purge
from ztpurge.changes.contents import Unknown
from ztpurge.edge.expected import Gone, expect, paths_behind
from ztpurge.errors import ZtpurgeError
from ztpurge.report import sentences
from ztpurge.report.values import WORDS, accepted_directories, accepted_urls

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ztpurge.cdn.answers import Live, Receipt, TaskKind
    from ztpurge.cdn.plan import Batch
    from ztpurge.cdn.wait import Progress
    from ztpurge.edge.expected import Expected
    from ztpurge.edge.judge import Verdict
    from ztpurge.site.mapping import Mapped, Site
    from ztpurge.sources.source import Source
    from ztpurge.step import Step

_ASK_LATER = "Raise `wait-timeout`, or ask later with `command: status`"
_LOOK_INSTEAD = f"{_ASK_LATER}; this server may never report an end, but `verify: true` sees for itself"
_A_DIRECTORY = Unknown("a whole directory: which URLs lie below it is not known")


def find_expected(step: Step, plan: Plan, mapped: Mapped, site: Site, source: Source) -> dict[str, Expected]:
    """Tell what each planned URL must serve, if that is to be compared or prefetched; nobody may be able to tell."""
    if step.inputs.verify == "off" and not step.inputs.prefetch:
        return {}
    urls = [entry for batch in plan.batches if batch.kind == "urls" for entry in batch.entries]
    urls += [folded.url for folded in plan.folded]
    try:
        files = source.contents(paths_behind(urls, site))
    except ZtpurgeError as error:
        if step.inputs.verify == "off":  # a prefetch leaves out what is deleted, and may ask for too much
            return {}
        return dict.fromkeys(urls, Unknown(f"what it must serve is not known: {error}", is_failure=True))
    given = {*step.inputs.urls} - {target.url for target in mapped.targets}
    return expect(urls, frozenset(given), site, files)


def submit(step: Step, plan: Plan, *, on_outcome: Callable[[Outcome], None]) -> tuple[Outcome, ...]:
    """Purge what is planned; `on_outcome` hears of each outcome at once."""
    if not plan.batches:
        return ()
    if step.inputs.delay:
        step.runner.say(f"Waiting {step.inputs.delay:g} s for the origin to catch up")
        step.clock.sleep(step.inputs.delay)
    step.purged_at = step.clock.now()
    return _call(step, plan, step.cdn().purge, end=step.limits.deadline, on_outcome=on_outcome)


def wait(step: Step, outcomes: tuple[Outcome, ...], *, end: float) -> tuple[Outcome, ...]:
    """Wait until each reqId is done; outcomes whose reqId is not at `end` on the clock are pending.

    Time to verify those is left.
    """
    from ztpurge.cdn.wait import confirm  # noqa: PLC0415 - for runs that wait

    by_id = {outcome.req_id: outcome for outcome in outcomes if outcome.req_id and outcome.state == "accepted"}
    if not by_id:
        return outcomes
    is_verified = step.inputs.verify != "off"
    if is_verified:
        left = step.limits.deadline - step.clock.now()
        end = min(end, step.limits.deadline - min(step.inputs.verify_timeout, left / 2))

    def tell(progress: Progress) -> None:
        if progress.attempts:  # after a refused token the others are not asked after
            outcome = replace(by_id[progress.req_id], state=progress.state, error=progress.error)
            step.runner.say(sentences.progress_line(outcome))

    step.runner.say(
        f"Waiting for {sentences.count(len(by_id), 'reqId')}, {max(end - step.clock.now(), 0):.0f} s at most"
    )
    found = _ask(
        step,
        tuple(filter(None, by_id)),
        end=end,
        again=True,
        remedy=_ASK_LATER if is_verified else _LOOK_INSTEAD,
        on_end=tell,
    )
    return confirm(outcomes, found)


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
    end = step.end_in((step.limits.deadline - step.clock.now()) / 2)
    return _call(step, prefetches, step.cdn().prefetch, end=end)


def look(
    step: Step, plan: Plan, outcomes: tuple[Outcome, ...], expected: Mapping[str, Expected], source: Source
) -> tuple[Verdict, ...]:
    """Look whether each URL that was purged, done or not, is fresh; of a directory nobody can tell."""
    from ztpurge.edge.judge import Verdict  # noqa: PLC0415 - the same
    from ztpurge.edge.verify import verify  # noqa: PLC0415 - the same

    purged = {url: expected[url] for url in accepted_urls(plan, outcomes)}
    directories = accepted_directories(outcomes)
    untold = {url: what for url, what in purged.items() if isinstance(what, Unknown) and what.is_failure}
    of_directories = tuple(Verdict(url, "unverified", _A_DIRECTORY.reason) for url in directories)
    if untold:
        missed = (Verdict(url, "stale", what.reason, is_seen=False) for url, what in untold.items())
        return (*missed, *of_directories)
    if not purged:
        return of_directories
    end = step.end_in(step.inputs.verify_timeout)
    step.runner.say(f"Verifying {sentences.count(len(purged), 'URL')}, {max(end - step.clock.now(), 0):.0f} s at most")
    began = step.clock.now()
    verdicts = verify(
        purged,
        door=step.edges(),
        redact=step.secrets.redact,
        pointer_of=source.pointer_of,
        request_timeout=step.inputs.request_timeout,
        purged_at=step.purged_at,
        end=end,
        clock=step.clock,
        jitter=random.random,
        on_verdict=lambda verdict: step.runner.detail(f"{verdict.state} {sentences.verdict_line(verdict)}"),
        on_round=lambda left: step.runner.say(f"  {left:,} not fresh yet after {step.clock.now() - began:.0f} s"),
    )
    return verdicts + of_directories


def ask_for_status(step: Step) -> tuple[Outcome, ...]:
    """Ask after the reqIds of another step, until they are done if that is to be waited for."""
    from ztpurge.cdn.wait import as_outcome  # noqa: PLC0415 - the same

    inputs = step.inputs
    req_ids = inputs.req_ids or ()
    found = _ask(
        step,
        req_ids,
        end=step.end_in(inputs.wait_timeout) if inputs.wait else step.limits.deadline,
        again=inputs.wait,
        remedy=_ASK_LATER if inputs.wait else "",
    )
    outcomes = tuple(as_outcome(number, progress) for number, progress in enumerate(found, start=1))
    for outcome, progress in zip(outcomes, found, strict=True):
        step.runner.say(sentences.progress_line(outcome, progress.late))
    return outcomes


def _ask(  # noqa: PLR0913 - private, and the two callers differ in each
    step: Step,
    req_ids: Sequence[str],
    *,
    end: float,
    again: bool,
    remedy: str,
    on_end: Callable[[Progress], None] = lambda _progress: None,
) -> tuple[Progress, ...]:
    from ztpurge.cdn.wait import ask_after, some_of  # noqa: PLC0415 - the same

    began = step.clock.now()

    def tell(left: int, late: tuple[str, ...]) -> None:
        providers = f"; of the providers {some_of(late)}" if late else ""
        step.runner.say(f"  {left:,} still under way after {step.clock.now() - began:.0f} s{providers}")

    def ask_live(req_id: str, kind: TaskKind, timeout: float) -> Live:
        return step.cdn().live(req_id, is_prefetch=kind == "prefetch", timeout=timeout)

    return ask_after(
        req_ids,
        ask=step.cdn().status,
        ask_live=ask_live,
        again=again,
        remedy=remedy,
        concurrency=step.inputs.concurrency,
        limits=step.limits.until(end),
        pace=step.pace,
        clock=step.clock,
        jitter=random.random,
        on_end=on_end,
        on_round=tell,
    )


def _call(
    step: Step,
    plan: Plan,
    call: Callable[[Batch, float], Receipt],
    *,
    end: float,
    on_outcome: Callable[[Outcome], None] = lambda _outcome: None,
) -> tuple[Outcome, ...]:
    line = sentences.outcome_lines(plan)

    def tell(outcome: Outcome) -> None:
        on_outcome(outcome)
        step.runner.say(line(outcome))
        for entry in outcome.entries:
            step.runner.detail(f"{WORDS.get(outcome.state, outcome.state)} {entry}")

    return purge(
        plan,
        call=call,
        concurrency=step.inputs.concurrency,
        limits=step.limits.until(end),
        pace=step.pace,
        clock=step.clock,
        jitter=random.random,
        on_outcome=tell,
    )
