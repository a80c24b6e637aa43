"""A plan -> what became of each of its calls: several at once, in plan order, each that may succeed attempted.

A batch that was refused for its content becomes several outcomes; a host or a token that was refused is not tried
again for the other batches.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from ztpurge.calls.patience import Patience
from ztpurge.calls.retry import Attempted, Limits, no_answer, out_of_time, persist
from ztpurge.calls.workers import as_completed
from ztpurge.cdn.narrow import Narrowing
from ztpurge.errors import ApiError, Failure
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ztpurge.calls.clock import Clock
    from ztpurge.calls.pace import Pace
    from ztpurge.cdn.answers import Receipt
    from ztpurge.cdn.plan import Batch, Kind, Plan

State = Literal["planned", "failed", "partial", "accepted", "pending", "done"]
_ALL = 100.0
_EVERYBODY = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the entries of a call; `number` counts from 1 in plan order, `seconds` includes all pauses.

    `planned`: nothing was sent. `failed`: not accepted, or the service reports a failure of it. `partial`: accepted,
    but not by all providers behind the service. `accepted`: by all of them. `pending`: accepted, and still under way
    when the time to wait was over. `done`: the service reports that, or each of its URLs was seen fresh.
    For a reqId of another step the service tells the entries, and may list less than was sent (`is_cut`).
    """

    number: int
    kind: Kind
    host: str
    entries: tuple[str, ...]
    state: State
    req_id: str | None = None
    attempts: int = 0
    seconds: float = 0.0
    error: ApiError | None = None
    is_cut: bool = False

    @property
    def is_doubtful(self) -> bool:
        """Whether it was sent and nobody knows if it was accepted."""
        return self.state == "failed" and self.error is not None and self.error.maybe_accepted

    @classmethod
    def of(cls, number: int, batch: Batch, state: State, *facts: Any, **more: Any) -> Outcome:  # noqa: ANN401 - passed on
        """Return what became of a whole batch."""
        return cls(number, batch.kind, batch.host, batch.entries, state, *facts, **more)


def purge(  # noqa: PLR0913 - each a thing that tests replace
    plan: Plan,
    *,
    call: Callable[[Batch, float], Receipt],
    concurrency: int,
    limits: Limits,
    pace: Pace,
    clock: Clock,
    jitter: Callable[[], float],
    on_outcome: Callable[[Outcome], None],
) -> tuple[Outcome, ...]:
    """Make the calls of a plan; `on_outcome` hears of each as it ends, in this thread."""
    ended_parts: dict[int, list[Outcome]] = {}  # of each batch that was begun, in the order of its entries
    attempt = _Attempts(call, limits, pace, clock, jitter).attempt
    narrowing = Narrowing(attempt)

    def work(numbered: tuple[int, Batch]) -> tuple[Outcome, ...]:
        number, batch = numbered
        parts = ended_parts[number] = []
        for part in narrowing.narrow(batch, attempt(batch)):
            parts.append(_outcome(number, *part))  # noqa: PERF401 - each is to be found at once if the run has to end
        return tuple(parts)

    numbered = tuple(enumerate(plan.batches, start=1))
    outcomes: dict[int, tuple[Outcome, ...]] = {}
    patience = Patience(limits.deadline, clock)
    for index, parts in as_completed(work, numbered, concurrency=concurrency, give_up=patience.is_over):
        outcomes[index + 1] = parts
        for outcome in parts:
            on_outcome(outcome)
    for number, batch in numbered:
        if number not in outcomes:
            begun = narrowing.waiting.get(batch) or no_answer()
            error = begun if number in ended_parts else out_of_time(None, pace, clock)
            outcomes[number] = _cut_short(number, batch, tuple(ended_parts.get(number, ())), error)
            for outcome in outcomes[number]:
                on_outcome(outcome)
    return _doubt_repeated_ids([outcome for number, _ in numbered for outcome in outcomes[number]], on_outcome)


def _cut_short(number: int, batch: Batch, ended: tuple[Outcome, ...], error: ApiError) -> tuple[Outcome, ...]:
    """Keep what the parts of a batch brought until the run had to end; the rest failed."""
    done = sum(len(outcome.entries) for outcome in ended)
    rest = replace(batch, entries=batch.entries[done:])
    return (*ended, Outcome.of(number, rest, "failed", error=error)) if rest.entries else ended


def _doubt_repeated_ids(outcomes: Sequence[Outcome], on_outcome: Callable[[Outcome], None]) -> tuple[Outcome, ...]:
    """Return the outcomes, as `partial` those that share a reqId: it is one call's, and nobody knows whose."""
    times = Counter(outcome.req_id for outcome in outcomes if outcome.req_id)
    kept = []
    for outcome in outcomes:
        if outcome.req_id and times[outcome.req_id] > 1:
            cause = f"the API gave this reqId for {times[outcome.req_id]} calls, so it is not known which it took"
            error = ApiError(Failure.SERVER, cause, remedy="Run the job again")
            kept.append(replace(outcome, state="partial", error=error))
            on_outcome(kept[-1])
        else:
            kept.append(outcome)
    return tuple(kept)


class _Attempts:
    """Calls that know what need not be asked again: a refused host or token, an API that nobody knows an address of."""

    def __init__(
        self,
        call: Callable[[Batch, float], Receipt],
        limits: Limits,
        pace: Pace,
        clock: Clock,
        jitter: Callable[[], float],
    ) -> None:
        self._call = call
        self._persist = partial(persist, limits=limits, pace=pace, clock=clock, jitter=jitter)
        self._shut: dict[str, ApiError] = {}  # by host, or for everybody

    def attempt(self, batch: Batch) -> Attempted[Receipt]:
        error = self._shut.get(batch.host) or self._shut.get(_EVERYBODY)
        if error:
            return Attempted(None, error, 0, 0.0)
        try:
            ended = self._persist(lambda timeout: self._call(batch, timeout))
        except Exception as bug:  # noqa: BLE001 - whatever one call meets, the others' reqIds must reach the report
            return Attempted(None, ApiError(Failure.UNREADABLE, f"ztpurge has a bug: {for_log(repr(bug))}"), 1, 0.0)
        if ended.error and ended.error.failure in {Failure.HOST, Failure.AUTH, Failure.NO_NAME}:
            self._shut[batch.host if ended.error.failure is Failure.HOST else _EVERYBODY] = ended.error
        return ended


def _outcome(number: int, batch: Batch, ended: Attempted[Receipt]) -> Outcome:
    state, error = _judge(ended.value, ended.error)
    req_id = ended.value.req_id if ended.value else None
    return Outcome.of(number, batch, state, req_id, ended.attempts, ended.seconds, error)


def _judge(receipt: Receipt | None, error: ApiError | None) -> tuple[State, ApiError | None]:
    if receipt is None:
        return "failed", error
    if receipt.success_rate is None or receipt.success_rate < _ALL:
        rate = "an unknown part" if receipt.success_rate is None else f"only {receipt.success_rate:g} %"
        doubt = f"it got a reqId, but {receipt.doubt}" if receipt.doubt else ""
        cause = doubt or f"{rate} of the providers behind the service took it"
        return "partial", ApiError(Failure.SERVER, cause, remedy="Run the job again")
    return "accepted", None
