"""reqIds -> done, failed or still pending: each is asked after until it has ended or the time for it is over.

A question that fails is asked again in the next round; a refused token ends all of them at once, another answer that
will not change (an unknown id, say) its own after a few. What follows for the URLs is decided by `confirm`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from ztpurge.errors import ApiError, Failure, ZtpurgeError
from ztpurge.plan import Batch
from ztpurge.purge import Outcome
from ztpurge.retry import persist
from ztpurge.rounds import Pauses, ask_in_rounds
from ztpurge.untrusted import for_log
from ztpurge.urls import host_of, parse_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ztpurge.answers import State, Task
    from ztpurge.clock import Clock
    from ztpurge.pace import Pace
    from ztpurge.retry import Limits

_PAUSES = Pauses(first=1.0, longest=20.0)
_LONGEST_QUESTION = 15.0  # seconds: a round is as long as its slowest, and all wait for the next
_MOST_MISSES = 5  # the service may know an id a moment after it gave it


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a reqId was when it was last asked after: `task` is what the service said, if it said anything.

    `attempts` counts the questions, `misses` how many in a row were refused for good; `seconds` run from the first
    question. `error` says why it is not done, `is_final` that it is of no use to ask again.
    """

    req_id: str
    state: State = "pending"
    task: Task | None = None
    error: ApiError | None = None
    attempts: int = 0
    seconds: float = 0.0
    misses: int = 0
    is_final: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing more to ask."""
        return self.is_final or self.state != "pending"


def ask_after(  # noqa: PLR0913 - each a thing that tests replace
    req_ids: Sequence[str],
    *,
    ask: Callable[[str, float], Task],
    again: bool,
    concurrency: int,
    limits: Limits,
    pace: Pace,
    clock: Clock,
    jitter: Callable[[], float],
    on_end: Callable[[Progress], None] = lambda _progress: None,
    on_round: Callable[[int], None] = lambda _left: None,
) -> tuple[Progress, ...]:
    """Ask after reqIds, once or `again` until each has ended, up to `limits.deadline`; in the given order.

    `on_end` hears of each that has ended, `on_round` of how many are left after each round.
    """
    began = clock.now()
    if again:  # the next round is the further try
        limits = replace(limits, retries=0, request_timeout=min(limits.request_timeout, _LONGEST_QUESTION))
    shut: list[ApiError] = []  # why nobody need ask any more

    def look(req_id: str, before: Progress | None) -> Progress:
        before = before or Progress(req_id)
        if shut:
            return replace(before, error=shut[0], is_final=True)
        try:
            tried = persist(partial(ask, req_id), limits=limits, pace=pace, clock=clock, jitter=jitter)
        except Exception as bug:  # noqa: BLE001 - whatever one question meets, the others' ends must reach the report
            error = ApiError(Failure.UNREADABLE, f"ztpurge has a bug: {for_log(repr(bug))}")
            return replace(before, error=error, attempts=before.attempts + 1, seconds=clock.now() - began)
        if not tried.attempts:
            return before  # no time was left: what was said last stands
        if tried.error and tried.error.failure is Failure.AUTH:
            shut.append(tried.error)
        now = replace(before, attempts=before.attempts + tried.attempts, seconds=clock.now() - began)
        return _understand(now, tried.value, tried.error, most_misses=_MOST_MISSES if again else 1)

    found = ask_in_rounds(
        look,
        req_ids,
        pauses=_PAUSES,
        concurrency=concurrency,
        end=limits.deadline,
        clock=clock,
        jitter=jitter,
        on_answer=lambda _req_id, progress: on_end(progress) if progress.is_settled else None,
        on_round=on_round,
        most_rounds=None if again else 1,
    )
    return tuple(
        _explain(progress or Progress(req_id), again=again, seconds=clock.now() - began, stopped=clock.stopped())
        for req_id, progress in zip(req_ids, found, strict=True)
    )


def confirm(outcomes: Iterable[Outcome], found: Iterable[Progress]) -> tuple[Outcome, ...]:
    """Return the outcomes with what became of their reqIds: `purged` holds only for what is done."""
    by_id = {progress.req_id: progress for progress in found}
    return tuple(_confirmed(outcome, by_id.get(outcome.req_id or "")) for outcome in outcomes)


def as_outcome(number: int, progress: Progress) -> Outcome:
    """Return what became of another step's reqId as the outcome of a call, with what the service lists of it."""
    task = progress.task
    entries = task.entries if task else ()
    batch = Batch(task.kind if task else "urls", _host(entries), entries)
    error = progress.error
    if error and task and task.is_cut:
        cause = f"{error.cause}; the service lists only {len(entries)} of what was sent"
        error = ApiError(error.failure, cause, remedy=error.remedy)
    return Outcome(number, batch, progress.state, progress.req_id, progress.attempts, progress.seconds, error)


def _host(entries: Sequence[str]) -> str:
    """Return the host of what the service lists, nothing if that is no URL."""
    try:
        return host_of(parse_url(entries[0])) if entries else ""
    except ZtpurgeError:
        return ""


def _confirmed(outcome: Outcome, progress: Progress | None) -> Outcome:
    if progress is None or outcome.status != "purged" or progress.state == "done":
        return outcome
    return replace(outcome, status=progress.state, error=progress.error)


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


def _explain(progress: Progress, *, again: bool, seconds: float, stopped: bool) -> Progress:
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
        word = f" (`{progress.task.word}`)" if progress.task else ""
        why = f"still under way{word} after {seconds:.0f} s"
    remedy = "Ask again with `command: status`, or raise `wait-timeout`" if again else ""
    if progress.error and progress.error.remedy and not stopped:
        remedy = progress.error.remedy
    return replace(progress, error=ApiError(Failure.TIMEOUT, why, remedy=remedy))
