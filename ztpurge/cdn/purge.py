"""A plan -> what became of each of its calls: several at once, in plan order, each that may succeed attempted.

A batch that was refused for its content is taken apart and becomes several outcomes; a host or a token that was
refused is not tried again for the other batches.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from ztpurge.calls.scheduler import Tried
from ztpurge.cdn.forest import BATCH_SIZE
from ztpurge.cdn.plan import ONLY
from ztpurge.errors import ApiError, Failure
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ztpurge.calls.scheduler import Scheduler
    from ztpurge.cdn.answers import Receipt
    from ztpurge.cdn.plan import Batch, Kind, Plan, Wave

State = Literal["planned", "failed", "partial", "accepted", "pending", "done"]
_ALL = 100.0
_EVERYBODY = ""
_TELLING = BATCH_SIZE // 2  # entries: two bad ones together say nothing of a host


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the entries of a call; `number` counts from 1 in plan order, `seconds` includes all pauses.

    `planned`: nothing was sent. `failed`: not accepted, or the service reports a failure of it. `partial`: accepted,
    but not by all providers behind the service. `accepted`: by all of them. `pending`: accepted, and still under way
    when the time to wait was over; `late` has the providers that were not done, with their words, as far as the service
    tells. `done`: the service reports that, `done_after` seconds of waiting, or each of its URLs was seen fresh.
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
    late: tuple[str, ...] = ()
    done_after: float | None = field(default=None, compare=False)

    @property
    def is_doubtful(self) -> bool:
        """Whether it was sent and nobody knows if it was accepted."""
        return self.state == "failed" and self.error is not None and self.error.maybe_accepted

    @classmethod
    def of(cls, number: int, batch: Batch, state: State, *facts: Any, **more: Any) -> Outcome:  # noqa: ANN401 - passed on
        """Return what became of a whole batch."""
        return cls(number, batch.kind, batch.host, batch.entries, state, *facts, **more)


class Purging:
    """Makes the calls of a plan, wave by wave; what was learned in one holds in the next."""

    def __init__(self, plan: Plan, call: Callable[[Batch, float], Receipt], scheduler: Scheduler) -> None:
        self.plan = plan
        self.scheduler = scheduler
        self._attempts = _Attempts(call, scheduler)

    def run(
        self, on_outcome: Callable[[Outcome], None], *, wave: Wave = ONLY, earlier: tuple[Outcome, ...] = ()
    ) -> tuple[Outcome, ...]:
        """Make the calls of a wave and return what became of them, after the outcomes of the `earlier` one.

        `on_outcome` hears of each as it ends, in this thread.
        """
        ended_parts: dict[int, list[Outcome]] = {}  # of each batch that was begun, in the order of its entries

        def work(numbered: tuple[int, Batch]) -> tuple[Outcome, ...]:
            number, batch = numbered
            parts = ended_parts[number] = []
            for part in self._attempts.narrow(batch):
                parts.append(_outcome(number, *part))  # noqa: PERF401 - each is to be found at once if the run has to end
            return tuple(parts)

        batches = enumerate(self.plan.batches, start=1)
        numbered = [(number, batch) for number, batch in batches if batch.wave == wave.number]
        outcomes: dict[int, tuple[Outcome, ...]] = {}
        for (number, _), parts in self.scheduler.each(numbered, work):
            outcomes[number] = parts
            for outcome in parts:
                on_outcome(outcome)
        for number, batch in numbered:
            if number not in outcomes:
                outcomes[number] = self._broken_off(number, batch, ended_parts.get(number))
                for outcome in outcomes[number]:
                    on_outcome(outcome)
        found = [outcome for number, _ in numbered for outcome in outcomes[number]]
        return _doubt_repeated_ids(earlier, found, on_outcome)

    def _broken_off(self, number: int, batch: Batch, parts: Sequence[Outcome] | None) -> tuple[Outcome, ...]:
        """Return what became of a batch that had not ended when the run had to: of `parts` of it, if it was begun."""
        kept = tuple(parts or ())
        rest = replace(batch, entries=batch.entries[sum(len(outcome.entries) for outcome in kept) :])
        begun = self._attempts.refused.get(batch) or ApiError(
            Failure.TIMEOUT,
            "no answer before the run had to end; it may have been accepted or not",
            maybe_accepted=True,
        )
        error = self.scheduler.out_of_time(None) if parts is None else begun
        return (*kept, Outcome.of(number, rest, "failed", error=error)) if rest.entries else kept


def _doubt_repeated_ids(
    earlier: Sequence[Outcome], found: Sequence[Outcome], on_outcome: Callable[[Outcome], None]
) -> tuple[Outcome, ...]:
    """Return all outcomes, as `partial` those that share a reqId: it is one call's, and nobody knows whose."""
    times = Counter(outcome.req_id for outcome in (*earlier, *found) if outcome.req_id)
    new = {outcome.req_id for outcome in found}
    kept = []
    for outcome in (*earlier, *found):
        if outcome.req_id and outcome.req_id in new and times[outcome.req_id] > 1:
            cause = f"the API gave this reqId for {times[outcome.req_id]} calls, so it is not known which it took"
            error = ApiError(Failure.SERVER, cause, remedy="Run the job again")
            kept.append(replace(outcome, state="partial", error=error))
            on_outcome(kept[-1])
        else:
            kept.append(outcome)
    return tuple(kept)


class _Attempts:
    """Calls that know what need not be asked again: a refused host or token, an API that nobody knows an address of.

    A batch that was refused for its content is taken apart, of a host the first one alone, so that the others can
    learn from what comes of it: where all of it were refused with the same words, the whole host is, and its other
    batches stay in one piece. `refused` has the batches that wait for that, each with its refusal.
    """

    def __init__(self, call: Callable[[Batch, float], Receipt], scheduler: Scheduler) -> None:
        self.refused: dict[Batch, ApiError] = {}
        self._call = call
        self._scheduler = scheduler
        self._shut: dict[str, ApiError] = {}  # by host, or for everybody
        self._turns: defaultdict[tuple[str, Kind], threading.Lock] = defaultdict(threading.Lock)
        # with which words of a provider, whatever it was asked for; it has no code that tells a host from a URL
        self._whole: dict[tuple[str, Kind], str] = {}
        self._open: set[tuple[str, Kind]] = set()  # took something

    def narrow(self, batch: Batch) -> Iterator[tuple[Batch, Tried[Receipt]]]:
        """Yield the batch and how its call ended or, if it was refused for its content, its parts in order."""
        site = batch.host, batch.kind
        ended = self._attempt(batch)
        if ended.value:
            self._open.add(site)
        if ended.error is None or not _is_refused(ended) or len(batch.entries) == 1:
            yield batch, ended
            return
        self.refused[batch] = ended.error
        with self._turns[site]:
            del self.refused[batch]
            if site not in self._open:
                if self._whole.get(site) == ended.error.cause:
                    yield batch, ended
                    return
                yield from self._learn(batch, ended)
                return
        yield from self._learn(batch, ended)  # most likely it holds a few culprits: no need to go one by one

    def _learn(self, batch: Batch, ended: Tried[Receipt]) -> Iterator[tuple[Batch, Tried[Receipt]]]:
        site = batch.host, batch.kind
        causes: set[str | None] = set()
        for part, end in self._halve(batch, ended):
            causes.add(end.error.cause if end.error and _is_refused(end) else None)
            if end.value:
                self._open.add(site)
            yield part, end
        cause = causes.pop()
        if cause and not causes and len(batch.entries) >= _TELLING:
            self._whole[site] = cause

    def _halve(self, batch: Batch, ended: Tried[Receipt]) -> Iterator[tuple[Batch, Tried[Receipt]]]:
        """Try halves until the culprits are alone, in as few calls as that takes: one bad URL must not spoil nine."""
        if not _is_refused(ended) or len(batch.entries) == 1:
            yield batch, ended
            return
        middle = len(batch.entries) // 2
        left, right = (replace(batch, entries=part) for part in (batch.entries[:middle], batch.entries[middle:]))
        first = self._attempt(left)
        yield from self._halve(left, first)
        # where one half went through, the other must hold a culprit, and need not be tried as a whole
        known_bad = first.value is not None and len(right.entries) > 1
        yield from self._halve(right, ended if known_bad else self._attempt(right))

    def _attempt(self, batch: Batch) -> Tried[Receipt]:
        error = self._shut.get(batch.host) or self._shut.get(_EVERYBODY)
        if error:
            return Tried(None, error, 0, 0.0)
        try:
            ended = self._scheduler.call(lambda timeout: self._call(batch, timeout))
        except Exception as bug:  # noqa: BLE001 - whatever one call meets, the others' reqIds must reach the report
            return Tried(None, ApiError(Failure.UNREADABLE, f"ztpurge has a bug: {for_log(repr(bug))}"), 1, 0.0)
        if ended.error and ended.error.failure in {Failure.HOST, Failure.AUTH, Failure.NO_NAME}:
            self._shut[batch.host if ended.error.failure is Failure.HOST else _EVERYBODY] = ended.error
        return ended


def _is_refused(ended: Tried[Receipt]) -> bool:
    return ended.error is not None and ended.error.failure is Failure.CONTENT


def _outcome(number: int, batch: Batch, ended: Tried[Receipt]) -> Outcome:
    receipt, error = ended.value, ended.error
    state: State = "accepted" if receipt else "failed"
    if receipt and (receipt.success_rate is None or receipt.success_rate < _ALL):
        rate = "an unknown part" if receipt.success_rate is None else f"only {receipt.success_rate:g} %"
        doubt = f"it got a reqId, but {receipt.doubt}" if receipt.doubt else ""
        cause = doubt or f"{rate} of the providers behind the service took it"
        state, error = "partial", ApiError(Failure.SERVER, cause, remedy="Run the job again")
    return Outcome.of(number, batch, state, receipt and receipt.req_id, ended.attempts, ended.seconds, error)
