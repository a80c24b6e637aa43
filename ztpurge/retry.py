"""Whether and when to ask again, and the loop that does.

`delay_after` decides from the error alone; tries and total time are both bounded, and what was accepted is never
repeated. What a call is stays with `cdn.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from ztpurge.errors import ApiError, Failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from ztpurge.clock import Clock
    from ztpurge.pace import Pace

T = TypeVar("T")
_FIRST_CEILING = 1.0  # seconds
_LAST_CEILING = 60.0
_LONGEST_HOLD = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long to go on: further tries of a call, seconds a call may take, and the end on the clock."""

    retries: int
    request_timeout: float
    deadline: float

    def until(self, deadline: float) -> Limits:
        """Return the same limits with another end."""
        return replace(self, deadline=deadline)


@dataclass(frozen=True, slots=True)
class Attempted(Generic[T]):
    """How a call ended: with a value or with its last error, after so many tries and seconds."""

    value: T | None
    error: ApiError | None
    attempts: int
    seconds: float


def delay_after(error: ApiError, attempt: int, *, jitter: Callable[[], float]) -> float | None:
    """Return the seconds to wait after try number `attempt` failed, None if asking again cannot help.

    Exponential back-off with full jitter: evenly spread between 0 and a ceiling that doubles from 1 s to 60 s, so
    that many clients do not come back at once. A pause that the server asks for comes on top. `jitter`: 0 to 1.
    """
    if error.is_final:
        return None
    return (error.retry_after or 0.0) + jitter() * min(_LAST_CEILING, _FIRST_CEILING * 2.0 ** min(attempt - 1, 10))


def persist(
    call: Callable[[float], T], *, limits: Limits, pace: Pace, clock: Clock, jitter: Callable[[], float]
) -> Attempted[T]:
    """Call until it succeeds, cannot succeed, or the limits are reached; `call` takes the seconds that it may use."""
    began = clock.now()
    attempts = 0
    error: ApiError | None = None
    while pace.wait_for_turn(limits.deadline):
        left = limits.deadline - clock.now()
        if left <= 0:
            break
        attempts += 1
        try:
            value = call(min(limits.request_timeout, left))
        except ApiError as failed:
            error = failed
        else:
            return Attempted(value, None, attempts, clock.now() - began)
        if error.retry_after:
            # for all, but not so long that the others never get their turn: this one call may be what is refused
            pace.hold(min(error.retry_after, _LONGEST_HOLD, (limits.deadline - clock.now()) / 2))
        delay = delay_after(error, attempts, jitter=jitter)
        if delay is None or attempts > limits.retries:
            return Attempted(None, error, attempts, clock.now() - began)
        if clock.now() + delay >= limits.deadline:
            break
        clock.sleep(delay)
    return Attempted(None, _out_of_time(error, stopped=clock.stopped()), attempts, clock.now() - began)


def not_sent(*, stopped: bool) -> ApiError:
    """Return the error of a call that was never made."""
    return ApiError(Failure.TIMEOUT, f"not sent: {_why_over(stopped=stopped)}")


def no_answer() -> ApiError:
    """Return the error of a call that was under way when the run ended."""
    return ApiError(Failure.TIMEOUT, "no answer before the run had to end; it may have been accepted or not")


def _why_over(*, stopped: bool) -> str:
    return "the run was cancelled" if stopped else "the run's `timeout` leaves no time for it"


def _out_of_time(error: ApiError | None, *, stopped: bool) -> ApiError:
    if error is None:
        return not_sent(stopped=stopped)
    return ApiError(
        error.failure,
        f"{error.cause}; not tried again: {_why_over(stopped=stopped)}",
        remedy=error.remedy,
        status=error.status,
        retry_after=error.retry_after,
    )
