"""Whether and when to ask again, and the loop that does.

`delay_after` decides from the error alone; tries and total time are both bounded, and what was accepted is never
repeated. An API that takes no connection is waited for by `pace.py`. What a call is stays with `cdn.py`.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from datetime import UTC
from typing import TYPE_CHECKING, Generic, TypeVar

from ztpurge.errors import ApiError, Failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from ztpurge.calls.clock import Clock
    from ztpurge.calls.pace import Pace

T = TypeVar("T")
_SECONDS = re.compile(r"[0-9]{1,10}")
_FIRST_CEILING = 1.0  # seconds
_LAST_CEILING = 60.0
_LONGEST_HOLD = 60.0


def retry_after(text: str, *, now: float) -> float | None:
    """Read a Retry-After header (RFC 9110, 10.2.3), seconds or a date, as seconds from `now`; None if neither."""
    if _SECONDS.fullmatch(text.strip()):
        return float(text.strip())
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - 15 ms for what seldom comes

    try:
        date = parsedate_to_datetime(text)
        return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now)
    except (ValueError, OverflowError):
        return None


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
    """How a call ended: with a value or with its last error, after so many tries and seconds.

    A try that met no API at all, and was waited out, is none.
    """

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
        before, (value, error, is_waited_for) = error, _try(call, limits=limits, pace=pace, clock=clock)
        attempts += not is_waited_for
        if error is None:
            return Attempted(value, None, attempts, clock.now() - began)
        if before is not None and before.maybe_accepted:
            error = error.because(error.cause)  # a failed login is shared by several calls
            error.maybe_accepted = True
        if is_waited_for:
            continue
        if error.retry_after:
            # for all, but not so long that the others never get their turn: this one call may be what is refused
            pace.hold(min(error.retry_after, _LONGEST_HOLD, (limits.deadline - clock.now()) / 2))
        delay = delay_after(error, attempts, jitter=jitter)
        if delay is None or attempts > limits.retries:
            return Attempted(None, error, attempts, clock.now() - began)
        if clock.now() + delay >= limits.deadline:
            break
        clock.sleep(delay)
    return Attempted(None, out_of_time(error, pace, clock), attempts, clock.now() - began)


def _try(
    call: Callable[[float], T], *, limits: Limits, pace: Pace, clock: Clock
) -> tuple[T | None, ApiError | None, bool]:
    """Call once; also tell whether the API is away, so that the call is to wait for it."""
    started = clock.now()
    timeout = max(min(limits.request_timeout, limits.deadline - started), 0.001)
    error: ApiError | None = ApiError(Failure.UNREADABLE, "ztpurge has a bug")  # until the call has ended
    value = None
    try:
        value, error = call(timeout), None
    except ApiError as failed:
        error = failed
    finally:
        is_waited_for = pace.end_turn(error, started=started, timeout=timeout)
    return value, error, is_waited_for


def out_of_time(error: ApiError | None, pace: Pace, clock: Clock) -> ApiError:
    """Return the error of a call that is not tried (again): `error` is that of its last try, if there was one."""
    away = pace.away()
    if away is not None and (error is None or error.failure in {Failure.AWAY, Failure.NO_NAME}):
        since = time.strftime("%H:%M:%S UTC", time.gmtime(clock.wall() - away.seconds))
        cause = f"the API has taken no connection since {since}, and nothing was sent since ({away.error.cause})"
        return error.because(cause) if error else ApiError(Failure.AWAY, cause, remedy=away.error.remedy)
    if error is None:
        return not_sent(stopped=clock.stopped())
    return error.because(f"{error.cause}; not tried again: {_why_over(stopped=clock.stopped())}")


def not_sent(*, stopped: bool) -> ApiError:
    """Return the error of a call that was never made."""
    return ApiError(Failure.NOT_SENT, f"not sent: {_why_over(stopped=stopped)}")


def no_answer() -> ApiError:
    """Return the error of a call that was under way when the run ended."""
    cause = "no answer before the run had to end; it may have been accepted or not"
    return ApiError(Failure.TIMEOUT, cause, maybe_accepted=True)


def _why_over(*, stopped: bool) -> str:
    return "the run was cancelled" if stopped else "the run's `timeout` leaves no time for it"
