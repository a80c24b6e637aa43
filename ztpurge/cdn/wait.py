"""reqIds -> done, failed or still pending: each is asked after until it has ended or the time for it is over.

The published server never ends a task: after what it calls under way the providers behind it are asked, too, where
the server knows that question. A question that fails is asked again in the next round; a refused token ends all of
them at once, another answer that will not change (an unknown id, say) its own after a few. What follows for the URLs
is decided by `confirm`.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from ztpurge.calls.retry import persist
from ztpurge.calls.rounds import Pauses, ask_in_rounds
from ztpurge.cdn.purge import Outcome
from ztpurge.errors import ApiError, Failure, ZtpurgeError
from ztpurge.site.urls import host_of, parse_url
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ztpurge.calls.clock import Clock
    from ztpurge.calls.pace import Pace
    from ztpurge.calls.retry import Limits
    from ztpurge.cdn.answers import Live, Provider, State, Task, TaskKind

_PAUSES = Pauses(first=1.0, longest=20.0)
_LONGEST_QUESTION = 15.0  # seconds: a round is as long as its slowest, and all wait for the next
_LONGEST_LIVE_QUESTION = 40.0  # the service asks one provider after another, 15 s each
_MOST_SHOWN = 4  # providers
_MOST_MISSES = 5  # the service may know an id a moment after it gave it


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a reqId was when it was last asked after: `task` is what the service said, if it said anything.

    `attempts` counts the questions for the task, `misses` how many in a row were refused for good; `seconds` run from
    the first. `error` says why it is not done, `is_final` that it is of no use to ask again. `live` is what the
    providers said last of a task that was under way.
    """

    req_id: str
    state: State = "pending"
    task: Task | None = None
    error: ApiError | None = None
    attempts: int = 0
    seconds: float = 0.0
    misses: int = 0
    is_final: bool = False
    live: Live | None = None

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing more to ask."""
        return self.is_final or self.state != "pending"

    @property
    def late(self) -> tuple[str, ...]:
        """The providers that are not done, each with what it says."""
        providers = self.live.providers if self.live else ()
        return tuple(_said_by(provider) for provider in providers if provider.state != "done")


def ask_after(  # noqa: PLR0913 - each a thing that tests replace
    req_ids: Sequence[str],
    *,
    ask: Callable[[str, float], Task],
    ask_live: Callable[[str, TaskKind, float], Live],
    again: bool,
    remedy: str,
    concurrency: int,
    limits: Limits,
    pace: Pace,
    clock: Clock,
    jitter: Callable[[], float],
    on_end: Callable[[Progress], None] = lambda _progress: None,
    on_round: Callable[[int, tuple[str, ...]], None] = lambda _left, _late: None,
) -> tuple[Progress, ...]:
    """Ask after reqIds, once or `again` until each has ended, up to `limits.deadline`; in the given order.

    `remedy` is for those that have not. `on_end` hears of each that has ended, `on_round` of how many are left after
    each round, and which providers are late.
    """
    questions = _Questions(ask, ask_live, again, limits, pace, clock, jitter)
    late: dict[str, tuple[str, ...]] = {}

    def hear(req_id: str, progress: Progress) -> None:
        late[req_id] = () if progress.is_settled else progress.late
        if progress.is_settled:
            on_end(progress)

    found = ask_in_rounds(
        questions.ask,
        req_ids,
        pauses=_PAUSES,
        concurrency=concurrency,
        end=limits.deadline,
        clock=clock,
        jitter=jitter,
        on_answer=hear,
        on_round=lambda left: on_round(left, tuple(dict.fromkeys(itertools.chain(*late.values())))),
        most_rounds=None if again else 1,
    )
    seconds = clock.now() - questions.began
    return tuple(
        _explain(progress or Progress(req_id), again=again, remedy=remedy, seconds=seconds, stopped=clock.stopped())
        for req_id, progress in zip(req_ids, found, strict=True)
    )


class _Questions:
    """Asks after a task and, while that is under way, after what each provider says, as far as the server tells."""

    def __init__(  # noqa: PLR0913, PLR0917 - private, and called once
        self,
        ask: Callable[[str, float], Task],
        ask_live: Callable[[str, TaskKind, float], Live],
        again: bool,
        limits: Limits,
        pace: Pace,
        clock: Clock,
        jitter: Callable[[], float],
    ) -> None:
        self.began = clock.now()
        self._ask = ask
        self._ask_live = ask_live
        # where it is asked again, the next round is the further try
        longest = _LONGEST_QUESTION if again else limits.request_timeout
        self._limits = replace(
            limits, retries=0 if again else limits.retries, request_timeout=min(limits.request_timeout, longest)
        )
        self._live_limits = replace(
            limits, retries=0, request_timeout=min(limits.request_timeout, _LONGEST_LIVE_QUESTION)
        )
        self._most_misses = _MOST_MISSES if again else 1
        self._persist = partial(persist, pace=pace, clock=clock, jitter=jitter)
        self._clock = clock
        self._shut: list[ApiError] = []  # why nobody need ask any more
        self._unknown_calls: set[bool] = set()  # whether for prefetches; what a server does not know is not asked again

    def ask(self, req_id: str, before: Progress | None) -> Progress:
        """Ask after a reqId once more."""
        before = before or Progress(req_id)
        if self._shut:
            return replace(before, error=self._shut[0], is_final=True)
        try:
            return self._progress(before)
        except Exception as bug:  # noqa: BLE001 - whatever one question meets, the others' ends must reach the report
            error = ApiError(Failure.UNREADABLE, f"ztpurge has a bug: {for_log(repr(bug))}")
            return replace(before, error=error, attempts=before.attempts + 1, seconds=self._clock.now() - self.began)

    def _progress(self, before: Progress) -> Progress:
        tried = self._persist(partial(self._ask, before.req_id), limits=self._limits)
        if not tried.attempts:
            return before  # no time was left: what was said last stands
        if tried.error and tried.error.failure is Failure.AUTH:
            self._shut.append(tried.error)
        seconds = self._clock.now() - self.began
        now = replace(before, attempts=before.attempts + tried.attempts, seconds=seconds)
        now = _understand(now, tried.value, tried.error, most_misses=self._most_misses)
        if tried.value is None or now.state != "pending":
            return now
        return _understand_live(now, self._live(before.req_id, tried.value.kind))

    def _live(self, req_id: str, kind: TaskKind) -> Live | None:
        if (kind == "prefetch") in self._unknown_calls:
            return None
        live = self._persist(partial(self._ask_live, req_id, kind), limits=self._live_limits).value
        if live is not None and not live.has_call:
            self._unknown_calls.add(kind == "prefetch")
        return live


def confirm(outcomes: Iterable[Outcome], found: Iterable[Progress]) -> tuple[Outcome, ...]:
    """Return the outcomes with what became of their reqIds: `purged` holds only for what is done."""
    by_id = {progress.req_id: progress for progress in found}
    return tuple(_confirmed(outcome, by_id.get(outcome.req_id or "")) for outcome in outcomes)


def as_outcome(number: int, progress: Progress) -> Outcome:
    """Return what became of another step's reqId as the outcome of a call, with what the service lists of it."""
    task = progress.task
    entries = task.entries if task else ()
    return Outcome(
        number,
        task.kind if task else "urls",
        _host(entries),
        entries,
        progress.state,
        progress.req_id,
        progress.attempts,
        progress.seconds,
        progress.error,
        is_cut=bool(task and task.is_cut),
    )


def _host(entries: Sequence[str]) -> str:
    """Return the host of what the service lists, nothing if that is no URL."""
    try:
        return host_of(parse_url(entries[0])) if entries else ""
    except ZtpurgeError:
        return ""


def _confirmed(outcome: Outcome, progress: Progress | None) -> Outcome:
    if progress is None or outcome.state != "accepted":
        return outcome
    return replace(outcome, state=progress.state, error=progress.error)


def _understand(now: Progress, task: Task | None, error: ApiError | None, *, most_misses: int) -> Progress:
    if task is not None:
        failure = _failure(task) if task.state == "failed" else None
        return replace(now, state=task.state, task=task, error=failure, misses=0)
    if error is None or not error.is_final:
        return replace(now, error=error, misses=0)
    misses = now.misses + 1
    is_over = misses >= most_misses or error.failure is Failure.AUTH
    is_unknown = error.failure is Failure.UNKNOWN_TASK
    return replace(
        now, state="failed" if is_over and is_unknown else "pending", error=error, misses=misses, is_final=is_over
    )


def _failure(task: Task) -> ApiError:
    return ApiError(Failure.SERVER, f"the service reports `{task.word}` for it", remedy="Run the job again")


def _understand_live(now: Progress, live: Live | None) -> Progress:
    """Take the word of the providers for a task that is under way; without one, or a word of theirs, it stays so."""
    if live is None:
        return now
    if live.state == "pending":
        return replace(now, live=live)
    if live.state == "done":
        return replace(now, state="done", live=live)
    failed = some_of([_said_by(provider) for provider in live.providers if provider.state == "failed"])
    cause = f"of the providers behind the service {failed}"
    return replace(now, state="failed", live=live, error=ApiError(Failure.SERVER, cause, remedy="Run the job again"))


def some_of(said: Sequence[str]) -> str:
    """Return what providers say, the last ones as a count if there are many."""
    more = f" and {len(said) - _MOST_SHOWN} more" if len(said) > _MOST_SHOWN else ""
    return ", ".join(said[:_MOST_SHOWN]) + more


def _said_by(provider: Provider) -> str:
    name = f"`{for_log(provider.name, limit=40)}`"
    return f"{name} says `{for_log(provider.word, limit=40)}`" if provider.word else f"{name} does not answer"


def _explain(progress: Progress, *, again: bool, remedy: str, seconds: float, stopped: bool) -> Progress:
    """Say of what is pending why it was not waited for any longer."""
    if progress.state != "pending" or progress.is_final:
        return progress
    if stopped:
        why = "the run was cancelled before it was done"
    elif not progress.attempts:
        why = "no time was left to ask whether it is done"
    elif progress.error:
        why = f"it could not be told whether it is done: {progress.error.cause}"
    elif not again:
        return progress  # the question is answered
    else:
        word = f": the CDN still reports `{progress.task.word}`" if progress.task else ""
        late = f"; of its providers {some_of(progress.late)}" if progress.late else ""
        why = f"still under way after {seconds:.0f} s{word}{late}"
    if progress.error and progress.error.remedy and not stopped:
        remedy = progress.error.remedy
    return replace(progress, error=ApiError(Failure.TIMEOUT, why, remedy=remedy))
