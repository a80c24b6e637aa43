"""When the next call may start, for all workers together: not too soon, not too many at once, none in vain."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ztpurge.errors import Failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from ztpurge.calls.clock import Clock
    from ztpurge.errors import ApiError

_GLANCE = 0.1  # seconds between two looks at whether the run is to stop
_FIRST_PROBE = 0.5  # seconds
_LAST_PROBE = 8.0
_LONGEST_FIRST_OUTAGE = 300.0  # seconds: what never answered may be the wrong address


@dataclass(frozen=True, slots=True)
class Away:
    """The API takes no connection: for how many seconds, and what was met first."""

    seconds: float
    error: ApiError


class Pace:
    """Lets calls start at least `seconds` apart, and none while the server asked for a pause.

    As many are under way at once as the server was seen to answer in time: some servers take one call at a time, and
    work those through that nobody waits for any more. While the API takes no connection, one call at a time asks
    whether it is back. `on_away` hears of that, and with None of its return; without it nobody waits for it.
    """

    def __init__(
        self, seconds: float, clock: Clock, *, on_away: Callable[[ApiError | None], None] | None = None
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._on_away = on_away
        self._changed = threading.Condition()
        self._next_start = clock.now()
        self._under_way = 0
        self._most = self._fitting = float("inf")  # calls at once: as time-outs taught, and as answers did
        self._cut_at = self._answered_at = -float("inf")
        self._between_answers = 0.0  # seconds, on average of late
        self._was_answered = False
        self._away: ApiError | None = None
        self._away_at = 0.0  # since when, on the clock
        self._is_probing = False
        self._probed_at = 0.0
        self._probe = _FIRST_PROBE
        self._lost_at = float("inf")

    def wait_for_turn(self, deadline: float) -> bool:
        """Wait until a call may start; False, at once, if that is not before `deadline` or the run is to stop."""
        while not self._clock.stopped():
            with self._changed:
                now = self._clock.now()
                if max(now, self._next_start) >= min(deadline, self._lost_at):
                    return False
                wait = self._next_start - now
                fits = self._under_way + 1 <= max(1, min(self._most, self._fitting))
                if wait <= 0 and (not self._is_probing if self._away else fits):
                    self._is_probing = self._away is not None
                    self._next_start = now + self._seconds
                    self._under_way += 1
                    return True
                if wait <= 0:
                    self._changed.wait(_GLANCE)
                    continue
            self._clock.sleep(wait)
        return False

    def end_turn(self, error: ApiError | None, *, started: float, timeout: float) -> bool:
        """Note how a call ended that started then and had so many seconds; True if it is to wait for the API."""
        failure = error.failure if error else None
        with self._changed:
            now = self._clock.now()
            is_away = failure is Failure.AWAY or (failure is Failure.NO_NAME and self._was_answered)
            news = self._look_out(now, error if is_away else None, started=started)
            if failure is Failure.TIMEOUT:
                self._slow_down(now, started=started, timeout=timeout)
            elif error is None:
                self._speed_up(now, started=started, timeout=timeout)
            self._was_answered |= failure not in {Failure.AWAY, Failure.NO_NAME}
            self._under_way -= 1
            self._changed.notify_all()
        if news and self._on_away:
            self._on_away(error if is_away else None)
        return is_away and self._on_away is not None

    def hold(self, seconds: float) -> None:
        """Let no call start for so many seconds."""
        with self._changed:
            self._next_start = max(self._next_start, self._clock.now() + seconds)

    def ease(self, *, started: float) -> None:
        """Halve what is under way, once for calls of the same time: the server asked for less of one begun then."""
        with self._changed:
            self._halve(self._clock.now(), started=started)

    def away(self) -> Away | None:
        """Return since when the API takes no connection, None if it is not away."""
        with self._changed:
            return Away(self._clock.now() - self._away_at, self._away) if self._away else None

    def _look_out(self, now: float, away: ApiError | None, *, started: float) -> bool:
        """Note whether the API is away, and say whether that is news."""
        was_away = self._away is not None
        if self._on_away is None or (was_away and started < self._probed_at):
            return False  # it began before the last probe, which knows better
        self._is_probing = False
        if away is None:
            self._away, self._lost_at = None, float("inf")
            return was_away
        if not was_away:
            self._away, self._away_at, self._probe = away, started, _FIRST_PROBE
            self._lost_at = float("inf") if self._was_answered else started + _LONGEST_FIRST_OUTAGE
        else:
            self._probe = min(self._probe * 2, _LAST_PROBE)
        self._probed_at = now
        self._next_start = max(self._next_start, now + self._probe)
        return not was_away

    def _slow_down(self, now: float, *, started: float, timeout: float) -> None:
        """Halve what is under way, once for calls of the same time, and leave the server time for what was given up."""
        pause = max(self._next_start, now) + self._between_answers
        self._next_start = max(self._next_start, min(pause, now + timeout))
        self._halve(now, started=started)

    def _halve(self, now: float, *, started: float) -> None:
        if started >= self._cut_at:
            self._most = max(1, self._under_way // 2)
            self._cut_at = now

    def _speed_up(self, now: float, *, started: float, timeout: float) -> None:
        """Allow one more, as long as all would be answered in time even one after another."""
        gap = now - max(started, self._answered_at)
        self._between_answers = (self._between_answers + gap) / 2 if self._answered_at > 0 else gap
        self._fitting = timeout / self._between_answers if self._between_answers > 0 else float("inf")
        self._answered_at = now
        self._most += 1
