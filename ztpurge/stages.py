"""What a run does outside, stage by stage: purge, wait, prefetch, look; each tells the log how far it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ztpurge.cdn.plan import Plan, plan_prefetch
from ztpurge.cdn.purge import Outcome, purge
from ztpurge.cdn.wait import Waiting, some_of
from ztpurge.changes.contents import Unknown
from ztpurge.edge.expected import expect
from ztpurge.edge.judge import Verdict
from ztpurge.errors import ZtpurgeError
from ztpurge.report import sentences
from ztpurge.report.progress import Progress
from ztpurge.report.values import WORDS
from ztpurge.site.mapping import files_behind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ztpurge.calls.scheduler import Scheduler
    from ztpurge.cdn.api import Cdn
    from ztpurge.edge.expected import Expected
    from ztpurge.edge.verify import Verification
    from ztpurge.runner import Runner
    from ztpurge.site.mapping import Mapped, Sites
    from ztpurge.sources.source import Source

_ASK_LATER = "Raise `wait-timeout`, or ask later with `command: status`"
_SETTLE = 0.5  # seconds between the last first look and the second ones
_MOST_OF_IT = 0.8  # of the time, for first looks: the rest is left for second ones
_A_DIRECTORY = "a whole directory: which URLs lie below it is not known"
_LOOK_INSTEAD = f"{_ASK_LATER}; this server may never report an end, but `verify: true` sees for itself"


def submit(
    plan: Plan, cdn: Cdn, scheduler: Scheduler, runner: Runner, on_outcome: Callable[[Outcome], None]
) -> tuple[Outcome, ...]:
    """Purge what is planned; `on_outcome` hears of each outcome at once."""
    began = scheduler.clock.now()
    with runner.group(f"Purge {sentences.things(plan)} in {sentences.count(len(plan.batches), 'call')}"):
        outcomes = purge(plan, cdn.purge, scheduler, _telling(plan, scheduler, runner, on_outcome))
    runner.say(sentences.stage_line("Purge", sentences.entry_counts(outcomes), scheduler.clock.now() - began))
    return outcomes


def wait(
    outcomes: tuple[Outcome, ...], cdn: Cdn, scheduler: Scheduler, runner: Runner, *, is_verified: bool
) -> tuple[Outcome, ...]:
    """Wait until each reqId is done; outcomes whose reqId is not at the end of the time are pending."""
    accepted = {outcome.req_id for outcome in outcomes if outcome.state == "accepted"}
    if not accepted:
        return outcomes
    began = scheduler.clock.now()
    waiting = Waiting(cdn, scheduler, again=True, remedy=_ASK_LATER if is_verified else _LOOK_INSTEAD)
    progress = Progress(len(accepted), "reqId", runner, scheduler.clock)

    def tell(outcome: Outcome) -> None:
        progress.tell(outcome.req_id, sentences.progress_line(outcome), is_wrong=outcome.error is not None)

    what = sentences.count(len(accepted), "reqId")
    with runner.group(f"Wait for {what}, {max(scheduler.end - began, 0):.0f} s at most"):
        waited = waiting.ask_after(outcomes, on_end=tell, on_round=_counting(scheduler, runner))
    asked_after = [outcome for outcome in waited if outcome.req_id in accepted]
    runner.say(sentences.stage_line("Wait", sentences.entry_counts(asked_after), scheduler.clock.now() - began))
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
        outcomes = purge(plan, cdn.prefetch, within, _telling(plan, scheduler, runner, lambda _outcome: None))
    runner.say(sentences.stage_line("Prefetch", sentences.entry_counts(outcomes), scheduler.clock.now() - began))
    return outcomes


def find_expected(sites: Sites, mapped: Mapped, source: Source) -> dict[str, Expected]:
    """Tell what each URL must serve; nobody may be able to tell."""
    candidates = files_behind(sites, mapped)
    try:
        files = source.contents(frozenset(path for behind in candidates.values() for path in behind.paths))
    except ZtpurgeError as error:
        return dict.fromkeys(candidates, Unknown(f"what it must serve is not known: {error}", is_failure=True))
    return expect(candidates, files)


def look_at_origin(
    expected: Mapping[str, Expected],
    scheduler: Scheduler,
    runner: Runner,
    *,
    watch: Callable[[Mapping[str, Expected], Scheduler], Verification],
) -> tuple[Verdict, ...]:
    """Look at the origin until it serves what each URL must serve; return the verdicts on those that it does not.

    What cannot be compared is not waited for.
    """
    if untold := _untold(expected):
        return untold
    clock, began = scheduler.clock, scheduler.clock.now()
    verification = watch(expected, scheduler)
    what = sentences.count(len(expected), "URL")
    with runner.group(f"Look at the origin for {what}, {max(scheduler.end - began, 0):.0f} s at most"):
        verification.run(scheduler, **_telling_of_urls(len(expected), scheduler, runner))
    verdicts = verification.verdicts
    runner.say(sentences.stage_line("Origin", sentences.verdict_counts(verdicts), clock.now() - began))
    late = (verdict for verdict in verdicts if verdict.state == "stale")
    return tuple(replace(verdict, reason=f"at the origin: {verdict.reason}", blame="origin") for verdict in late)


def look(  # noqa: PLR0913 - what is looked at, how, and what to do about it
    purged: Mapping[str, Expected],
    directories: Iterable[str],
    scheduler: Scheduler,
    runner: Runner,
    *,
    watch: Callable[[Mapping[str, Expected], Scheduler], Verification],
    purge_again: Callable[[tuple[str, ...]], None],
) -> tuple[Verdict, ...]:
    """Look whether each purged URL is fresh; of a directory nobody can tell.

    What is stale after half of the time, or serves the old content again at a second look, is purged once more. A
    second look is taken whatever else is stale. If what the URLs must serve could not be found out, none of them was
    seen to be fresh.
    """
    of_directories = tuple(Verdict(url, "unverified", _A_DIRECTORY) for url in directories)
    if (untold := _untold(purged)) or not purged:
        return (*untold, *of_directories)
    clock, began = scheduler.clock, scheduler.clock.now()
    verification = watch(purged, scheduler)
    telling = _telling_of_urls(len(purged), scheduler, runner)

    def rounds(title: str, part: float) -> bool:
        """Look for a part of the time, then once more at what is fresh; say whether something was old again."""
        seconds = max(scheduler.end - clock.now(), 0) * part
        with runner.group(f"{title} {sentences.count(len(purged), 'URL')}, {seconds:.0f} s at most"):
            verification.run(scheduler.within(seconds, "the time for first looks"), **telling)
            if scheduler.why_over():
                return False
            clock.sleep(min(_SETTLE, (scheduler.end - clock.now()) / 2))
            returned = verification.look_back(scheduler)
            for verdict in returned:
                runner.say(f"  {sentences.verdict_line(verdict)}")
        return bool(returned)

    is_back = rounds("Verify", 1 / 2)
    if (stale := verification.stale) and not scheduler.why_over():
        # what was not seen, or answers with an error, no purge helps
        if worth := tuple(verdict.url for verdict in stale if verdict.served):
            purge_again(worth)
        is_back = rounds("Verify, after some were purged again," if worth else "Verify", _MOST_OF_IT)
    while is_back and not scheduler.why_over():
        is_back = rounds("Verify", _MOST_OF_IT)
    verdicts = verification.verdicts
    runner.say(sentences.stage_line("Verify", sentences.verdict_counts(verdicts), clock.now() - began))
    return verdicts + of_directories


def ask_for_status(
    req_ids: Iterable[str], cdn: Cdn, scheduler: Scheduler, runner: Runner, *, again: bool
) -> tuple[Outcome, ...]:
    """Ask after the reqIds of another step, once or `again` until they are done."""
    given = [Outcome(number, "urls", "", (), "accepted", req_id) for number, req_id in enumerate(req_ids, start=1)]
    waiting = Waiting(cdn, scheduler, again=again, remedy=_ASK_LATER if again else "")
    with runner.group(f"Ask after {sentences.count(len(given), 'reqId')}"):
        outcomes = waiting.ask_after(given, on_end=lambda _outcome: None, on_round=_counting(scheduler, runner))
        for outcome in outcomes:
            say = runner.say_openly if outcome.error else runner.say
            say(sentences.progress_line(outcome))
    return outcomes


def _untold(expected: Mapping[str, Expected]) -> tuple[Verdict, ...]:
    """Return the verdicts on URLs of which it could not be found out what they must serve."""
    return tuple(
        Verdict(url, "stale", what.reason, is_seen=False)
        for url, what in expected.items()
        if isinstance(what, Unknown) and what.is_failure
    )


def _telling_of_urls(number: int, scheduler: Scheduler, runner: Runner) -> dict[str, Any]:
    """Return what tells the log of URLs that are settled, and how many are left after a round."""
    clock, began = scheduler.clock, scheduler.clock.now()
    progress = Progress(number, "URL", runner, clock)

    def tell(verdict: Verdict) -> None:
        progress.tell(verdict.url, f"{verdict.state:10}  {sentences.verdict_line(verdict)}", is_wrong=False)

    return {
        "on_verdict": tell,
        "on_round": lambda left: runner.say(f"  {left:,} not fresh yet after {clock.now() - began:.0f} s"),
    }


def _counting(scheduler: Scheduler, runner: Runner) -> Callable[[int, tuple[str, ...]], None]:
    """Return what tells the log how many reqIds are left after a round, and which providers are late."""
    began = scheduler.clock.now()

    def tell(left: int, late: tuple[str, ...]) -> None:
        providers = f"; of the providers {some_of(late)}" if late else ""
        runner.say(f"  {left:,} still under way after {scheduler.clock.now() - began:.0f} s{providers}")

    return tell


def _telling(
    plan: Plan, scheduler: Scheduler, runner: Runner, on_outcome: Callable[[Outcome], None]
) -> Callable[[Outcome], None]:
    """Return what tells the log of each call that ended, and `on_outcome` before that."""
    line = sentences.outcome_lines(plan)
    progress = Progress(len(plan.batches), "call", runner, scheduler.clock)

    def tell(outcome: Outcome) -> None:
        on_outcome(outcome)
        progress.tell(outcome.number, line(outcome), is_wrong=outcome.error is not None)
        for entry in outcome.entries:
            runner.detail(f"{WORDS.get(outcome.state, outcome.state)} {entry}")

    return tell
