"""When the next call may start, for all workers together."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ztpurge.clock import Clock


class Pace:
    """Lets calls start at least `seconds` apart, and none while the server asked for a pause."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._next_start = clock.now()

    def wait_for_turn(self, deadline: float) -> bool:
        """Wait until a call may start; False, at once, if that is not before `deadline` or the run is to stop."""
        while not self._clock.stopped():
            with self._lock:
                now = self._clock.now()
                if max(now, self._next_start) >= deadline:
                    return False
                wait = self._next_start - now
                if wait <= 0:
                    self._next_start = now + self._seconds
                    return True
            self._clock.sleep(wait)
        return False

    def hold(self, seconds: float) -> None:
        """Let no call start for so many seconds."""
        with self._lock:
            self._next_start = max(self._next_start, self._clock.now() + seconds)
