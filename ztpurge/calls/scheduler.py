"""How anybody outside is asked: again if that can help, several at once, in rounds, until a given end or a stop.

The one place that knows of threads. What is asked, and what an answer means, is left to the callers; when the next
call may start, to `pace.py`.
"""

from __future__ import annotations

import contextlib
import itertools
import queue
import re
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from ztpurge.errors import ApiError, Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ztpurge.calls.clock import Clock
    from ztpurge.calls.pace import Pace

T = TypeVar("T")
R = TypeVar("R")
_SECONDS = re.compile(r"[0-9]{1,10}")
_FIRST_CEILING = 1.0  # seconds
_LAST_CEILING = 60.0
_LONGEST_HOLD = 60.0
_LAST_LOOK = 1.0  # seconds that are kept for a round before the end
_GRACE_AT_END = 0.5  # seconds, for what ends just in time to be told apart from what does not
_GRACE_AT_STOP = 4.0  # seconds: the runner sends SIGTERM after 7.5 and SIGKILL after 10
_GLANCE = 0.1  # seconds between two looks at whether to give up


def retry_after(text: str, *, now: float) -> float | None:
    """Read a Retry-After header (RFC 9110, 10.2.3), seconds or a date, as seconds from `now`; None if neither."""
    if _SECONDS.fullmatch(text.strip()):
        return float(text.strip())
    from datetime import UTC  # noqa: PLC0415 - 16 ms, both, for what seldom comes
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - as above

    try:
        date = parsedate_to_datetime(text)
        return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now)
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True, slots=True)
class Tried(Generic[T]):
    """How a call ended: with a value or with its last error, after so many tries and seconds.

    A try that met no API at all, and was waited out, is none.
    """

    value: T | None
    error: ApiError | None
    attempts: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """Seconds between two rounds: `first`, then twice as long each time up to `longest`, spread by half of it."""

    first: float
    longest: float

    def after(self, number: int, jitter: float) -> float:
        """Return the pause after round `number` (from 1); `jitter`: 0 to 1."""
        return min(self.longest, self.first * 2.0 ** min(number - 1, 20)) * (0.5 + jitter / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduler:
    """By what clock and pace, and within which limits, somebody is asked.

    `concurrency`: calls at once. `retries`: further tries of a call. `request_timeout`: seconds that a try may take.
    `end`: when, on the clock, nothing more is begun, and `limit` what sets it. `grace_at_stop`: for how many seconds
    after a stop what is under way is still waited for.
    """

    clock: Clock
    pace: Pace
    concurrency: int
    retries: int
    request_timeout: float
    end: float
    limit: str
    grace_at_stop: float = _GRACE_AT_STOP

    def until(self, end: float, limit: str) -> Scheduler:
        """Return a scheduler with an earlier end that `limit` sets, this one if its own is earlier."""
        return replace(self, end=end, limit=limit) if end < self.end else self

    def within(self, seconds: float, limit: str) -> Scheduler:
        """Return a scheduler with an end in so many seconds, this one if its own is earlier."""
        return self.until(self.clock.now() + seconds, limit)

    def why_over(self) -> str:
        """Return why nothing more is to be begun, nothing while there is time."""
        return self._reason() if self.clock.stopped() or self.clock.now() >= self.end else ""

    def call(self, ask: Callable[[float], T]) -> Tried[T]:
        """Ask until that succeeds, cannot succeed, or the limits are reached; `ask` takes the seconds it may use.

        Raises what `ask` raises but ApiError.
        """
        clock = self.clock
        began = clock.now()
        attempts = 0
        error: ApiError | None = None
        while self.pace.wait_for_turn(self.end):
            before, (value, error, is_waited_for) = error, self._try(ask)
            attempts += not is_waited_for
            if error is None:
                return Tried(value, None, attempts, clock.now() - began)
            if before is not None and before.maybe_accepted:
                error = error.because(error.cause)  # a failed login is shared by several calls
                error.maybe_accepted = True
            if is_waited_for:
                continue
            if error.retry_after:
                # for all, but not so long that the others never get their turn: this one call may be what is refused
                self.pace.hold(min(error.retry_after, _LONGEST_HOLD, (self.end - clock.now()) / 2))
            if error.is_final or attempts > self.retries:
                return Tried(None, error, attempts, clock.now() - began)
            delay = delay_after(error, attempts, jitter=clock.jitter())
            if clock.now() + delay >= self.end:
                break
            clock.sleep(delay)
        return Tried(None, self.out_of_time(error), attempts, clock.now() - began)

    def each(self, items: Sequence[T], ask: Callable[[T], R]) -> Iterator[tuple[T, R]]:
        """Yield items with what `ask` makes of them as they finish, several at once, until all have.

        Shortly after the end, or a few seconds after a stop, what is unfinished is left to threads that do not keep
        the process alive. An exception of `ask` is raised here.
        """
        todo: queue.SimpleQueue[T] = queue.SimpleQueue()
        ended: queue.SimpleQueue[tuple[T, R | None, BaseException | None]] = queue.SimpleQueue()

        def work() -> None:
            with contextlib.suppress(queue.Empty):
                while True:
                    item = todo.get_nowait()
                    try:
                        ended.put((item, ask(item), None))
                    except BaseException as error:  # noqa: BLE001 - raised again in the thread that asked
                        ended.put((item, None, error))

        for item in items:
            todo.put(item)
        for number in range(min(self.concurrency, len(items))):
            threading.Thread(target=work, name=f"call-{number + 1}", daemon=True).start()
        left = len(items)
        while left:
            try:
                item, result, error = ended.get(timeout=_GLANCE)
            except queue.Empty:
                over_at = min(self.end + _GRACE_AT_END, self.clock.stopped_at + self.grace_at_stop)
                if self.clock.now() >= over_at:
                    return
                continue
            if error is not None:
                raise error
            left -= 1
            yield item, cast(R, result)

    def rounds(
        self, items: Sequence[T], ask: Callable[[T], R], *, pauses: Pauses, on_answer: Callable[[T, R], bool]
    ) -> Iterator[Sequence[T]]:
        """Ask after items in rounds with growing pauses, the last one just before the end, until each is settled.

        `on_answer` hears of each answer in this thread, and says whether it settles the item. Yields what is left
        whenever there is to be another round; who leaves the loop then has it end there.
        """
        left = list(items)
        for number in itertools.count(1):
            settled = {
                index
                for (index, item), answer in self.each([*enumerate(left)], lambda numbered: ask(numbered[1]))
                if on_answer(item, answer)
            }
            left = [item for index, item in enumerate(left) if index not in settled]
            remaining = self.end - self.clock.now() - _LAST_LOOK
            if not left or remaining <= 0 or self.clock.stopped():
                return
            yield left
            self.clock.sleep(min(pauses.after(number, self.clock.jitter()), remaining))

    def out_of_time(self, error: ApiError | None) -> ApiError:
        """Return the error of a call that is not tried (again): `error` is that of its last try, if there was one."""
        away = self.pace.away()
        if away is not None and (error is None or error.failure in {Failure.AWAY, Failure.NO_NAME}):
            since = time.strftime("%H:%M:%S UTC", time.gmtime(self.clock.wall() - away.seconds))
            cause = f"the API has taken no connection since {since}, and nothing was sent since ({away.error.cause})"
            return error.because(cause) if error else ApiError(Failure.AWAY, cause, remedy=away.error.remedy)
        if error is None:
            return ApiError(Failure.NOT_SENT, f"not sent: {self._reason()}")
        return error.because(f"{error.cause}; not tried again: {self._reason()}")

    def _reason(self) -> str:
        return "the run was cancelled" if self.clock.stopped() else f"{self.limit} leaves no time for it"

    def _try(self, ask: Callable[[float], T]) -> tuple[T | None, ApiError | None, bool]:
        """Ask once; also tell whether the API is away, so that the call is to wait for it."""
        started = self.clock.now()
        timeout = max(min(self.request_timeout, self.end - started), 0.001)
        error: ApiError | None = ApiError(Failure.UNREADABLE, "ztpurge has a bug")  # until the call has ended
        value = None
        try:
            value, error = ask(timeout), None
        except ApiError as failed:
            error = failed
        finally:
            is_waited_for = self.pace.end_turn(error, started=started, timeout=timeout)
        return value, error, is_waited_for


def delay_after(error: ApiError, attempt: int, *, jitter: float) -> float:
    """Return the seconds to wait after try number `attempt` failed with an error that is not final.

    Exponential back-off with full jitter: evenly spread between 0 and a ceiling that doubles from 1 s to 60 s. A pause
    that the server asks for comes on top. `jitter`: 0 to 1.
    """
    return (error.retry_after or 0.0) + jitter * min(_LAST_CEILING, _FIRST_CEILING * 2.0 ** min(attempt - 1, 10))
