"""Accepted outcomes -> done, failed or still pending: each reqId is asked after until it has ended or time is over.

The published server never ends a task: after what it calls under way the providers behind it are asked, too, where
the server knows that question. A question that fails is asked again in the next round; a refused token ends all of
them at once, another answer that will not change (an unknown id, say) its own after a few.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from ztpurge.calls.scheduler import Pauses
from ztpurge.errors import ApiError, Failure, ZtpurgeError
from ztpurge.site.urls import host_of, parse_url
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ztpurge.calls.scheduler import Scheduler
    from ztpurge.cdn.answers import Live, Provider, State, Task, TaskKind
    from ztpurge.cdn.purge import Outcome

_PAUSES = Pauses(first=1.0, longest=20.0)
_LONGEST_QUESTION = 15.0  # seconds: a round is as long as its slowest, and all wait for the next
_LONGEST_LIVE_QUESTION = 40.0  # the service asks one provider after another, 15 s each
_MOST_SHOWN = 4  # providers
_REMEDY_OF_FAILURE = "Run the job again"
_MOST_MISSES = 5  # the service may know an id a moment after it gave it


class Service(Protocol):
    """What is asked, as `api.Cdn` asks it; each raises ApiError."""

    def status(self, req_id: str, timeout: float) -> Task:
        """Ask what became of a reqId."""

    def live(self, req_id: str, kind: TaskKind, timeout: float) -> Live:
        """Ask what each provider behind the service says of a reqId."""


@dataclass(frozen=True, slots=True)
class _Progress:
    """How far a reqId was when it was last asked after: `task` and `late` are what was said last, if anything was.

    `attempts` counts the questions for the task, `misses` how many in a row were refused for good; `seconds` run from
    `began`. `is_final`: it is of no use to ask again.
    """

    began: float
    state: State = "pending"
    task: Task | None = None
    error: ApiError | None = None
    attempts: int = 0
    seconds: float = 0.0
    misses: int = 0
    is_final: bool = False
    late: tuple[str, ...] = ()

    @property
    def is_settled(self) -> bool:
        """Whether nobody need ask any more."""
        return self.is_final or self.state != "pending"


class Waiting:
    """Asks after reqIds, once or `again` until each has ended; `remedy` is for those that have not.

    Of what has not ended, and of the service, it keeps what it learned.
    """

    def __init__(self, service: Service, *, again: bool, remedy: str) -> None:
        self._service = service
        self._again = again
        self._remedy = remedy
        self._latest: dict[str, _Progress] = {}
        self._refusal: ApiError | None = None  # why nobody need ask any more
        self._unknown_calls: set[bool] = set()  # whether for prefetches; what a server does not know is not asked again

    def ask_after(
        self,
        outcomes: Iterable[Outcome],
        scheduler: Scheduler,
        *,
        on_end: Callable[[Outcome], None],
        on_round: Callable[[int, tuple[str, ...]], None],
        is_last: bool = True,
    ) -> tuple[Outcome, ...]:
        """Return the outcomes, those that are accepted with what became of their reqIds.

        One that holds but a reqId, another step's, gets the entries that the service lists. `on_end` hears of each that
        was asked after and has ended, `on_round` of how many are left after each round, and which providers are late.
        Unless it `is_last`, what has not ended is still accepted, to be asked after again.
        """
        outcomes = tuple(outcomes)
        accepted = {outcome.req_id: outcome for outcome in outcomes if outcome.req_id and outcome.state == "accepted"}
        latest, began = self._latest, scheduler.clock.now()
        for req_id in accepted:
            latest.setdefault(req_id, _Progress(began))

        def ask(req_id: str) -> _Progress:
            return self._ask(req_id, latest[req_id], scheduler)

        def hear(req_id: str, now: _Progress) -> bool:
            latest[req_id] = now
            if now.is_settled and now.attempts:
                on_end(_tell(accepted[req_id], now))
            return now.is_settled

        for left in scheduler.rounds(tuple(accepted), ask, pauses=_PAUSES, on_answer=hear):
            if not self._again:
                break
            late = itertools.chain.from_iterable(latest[req_id].late for req_id in left)
            on_round(len(left), tuple(dict.fromkeys(late)))
        ended = {
            req_id: _tell(outcome, self._explain(latest[req_id], scheduler))
            for req_id, outcome in accepted.items()
            if is_last or latest[req_id].is_settled
        }
        return tuple(
            ended.get(outcome.req_id or "", outcome) if outcome.state == "accepted" else outcome for outcome in outcomes
        )

    def _ask(self, req_id: str, before: _Progress, scheduler: Scheduler) -> _Progress:
        if self._refusal:
            return replace(before, error=self._refusal, is_final=True)
        try:
            return self._ask_for_task(req_id, before, scheduler)
        except Exception as bug:  # noqa: BLE001 - whatever one question meets, the others' ends must reach the report
            error = ApiError(Failure.UNREADABLE, f"ztpurge has a bug: {for_log(repr(bug))}")
            seconds = scheduler.clock.now() - before.began
            return replace(before, error=error, attempts=before.attempts + 1, seconds=seconds)

    def _ask_for_task(self, req_id: str, before: _Progress, scheduler: Scheduler) -> _Progress:
        # where it is asked again, the next round is the further try
        questions = _short(scheduler, _LONGEST_QUESTION) if self._again else scheduler
        tried = questions.call(lambda timeout: self._service.status(req_id, timeout))
        if not tried.attempts:
            return before  # no time was left: what was said last stands
        task, error = tried.value, tried.error
        attempts, seconds = before.attempts + tried.attempts, scheduler.clock.now() - before.began
        now = replace(before, error=error, attempts=attempts, seconds=seconds, misses=0)
        if task is not None:
            now = replace(now, state=task.state, task=task)
            if task.state == "failed":
                cause = f"the service reports `{task.word}` for it"
                return replace(now, error=ApiError(Failure.SERVER, cause, remedy=_REMEDY_OF_FAILURE))
            return now if task.state == "done" else self._ask_providers(req_id, now, task.kind, scheduler)
        if error is None or not error.is_final:
            return now
        is_refused = error.failure is Failure.AUTH
        if is_refused:
            self._refusal = self._refusal or error
        misses = before.misses + 1
        is_final = is_refused or misses >= (_MOST_MISSES if self._again else 1)
        is_unknown = is_final and error.failure is Failure.UNKNOWN_TASK
        return replace(now, state="failed" if is_unknown else "pending", misses=misses, is_final=is_final)

    def _ask_providers(self, req_id: str, now: _Progress, kind: TaskKind, scheduler: Scheduler) -> _Progress:
        """Take the word of the providers for a task that is under way; without one, it stays so."""
        is_prefetch = kind == "prefetch"
        if is_prefetch in self._unknown_calls:
            return now
        questions = _short(scheduler, _LONGEST_LIVE_QUESTION)
        live = questions.call(lambda timeout: self._service.live(req_id, kind, timeout)).value
        if live is None:
            return now
        if not live.has_call:
            self._unknown_calls.add(is_prefetch)
        now = replace(now, state=live.state, late=tuple(_said_by(one) for one in live.providers if one.state != "done"))
        if live.state != "failed":
            return now
        failed = some_of([_said_by(provider) for provider in live.providers if provider.state == "failed"])
        cause = f"of the providers behind the service {failed}"
        return replace(now, error=ApiError(Failure.SERVER, cause, remedy=_REMEDY_OF_FAILURE))

    def _explain(self, progress: _Progress, scheduler: Scheduler) -> _Progress:
        """Say of what is pending why it was not waited for any longer."""
        if progress.is_settled:
            return progress
        stopped = scheduler.clock.stopped()
        if stopped:
            why = "the run was cancelled before it was done"
        elif not progress.attempts:
            why = "no time was left to ask whether it is done"
        elif progress.error:
            why = f"it could not be told whether it is done: {progress.error.cause}"
        elif not self._again:
            return progress  # the question is answered
        else:
            word = f": the CDN still reports `{progress.task.word}`" if progress.task else ""
            late = f"; of its providers {some_of(progress.late)}" if progress.late else ""
            why = f"still under way after {scheduler.clock.now() - progress.began:.0f} s{word}{late}"
        told = progress.error.remedy if progress.error and not stopped else ""
        return replace(progress, error=ApiError(Failure.TIMEOUT, why, remedy=told or self._remedy))


def _short(scheduler: Scheduler, longest: float) -> Scheduler:
    return replace(scheduler, retries=0, request_timeout=min(scheduler.request_timeout, longest))


def _tell(outcome: Outcome, progress: _Progress) -> Outcome:
    """Return an outcome with what became of its reqId, and what the service lists of it if nobody else knows."""
    late = progress.late if progress.state == "pending" else ()
    done_after = progress.seconds if progress.state == "done" else None
    outcome = replace(outcome, state=progress.state, error=progress.error, late=late, done_after=done_after)
    task = progress.task
    if outcome.entries:
        return outcome
    told = replace(outcome, attempts=progress.attempts, seconds=progress.seconds)
    if task is None:
        return told
    try:
        host = host_of(parse_url(task.entries[0])) if task.entries else ""
    except ZtpurgeError:  # what is listed is no URL
        host = ""
    return replace(told, kind=task.kind, host=host, entries=task.entries, is_cut=task.is_cut)


def some_of(said: Sequence[str]) -> str:
    """Return what providers say, the last ones as a count if there are many."""
    more = f" and {len(said) - _MOST_SHOWN} more" if len(said) > _MOST_SHOWN else ""
    return ", ".join(said[:_MOST_SHOWN]) + more


def _said_by(provider: Provider) -> str:
    name = f"`{for_log(provider.name, limit=40)}`"
    return f"{name} says `{for_log(provider.word, limit=40)}`" if provider.word else f"{name} does not answer"
