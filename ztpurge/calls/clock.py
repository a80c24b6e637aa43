"""Time and chance as an argument: what the program waits by, and how it is told to stop."""

from __future__ import annotations

import threading
import time


class Clock:
    """The real clock; a test passes one of its own.

    `stopped_at`: when `stop` was first called, on this clock; infinity if it was not.
    """

    def __init__(self) -> None:
        self._stop = threading.Event()
        self.stopped_at = float("inf")

    def now(self) -> float:
        """Return seconds on a clock that never jumps."""
        return time.monotonic()

    def wall(self) -> float:
        """Return seconds since 1970, for dates that a server sends."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait so many seconds, or until `stop`."""
        self._stop.wait(seconds)

    def jitter(self) -> float:
        """Return a number from 0 to 1, by which pauses are spread so that many clients do not come back at once."""
        import random  # noqa: PLC0415 - 1 ms that only runs which pause need

        return random.random()  # noqa: S311 - nothing secret

    def stop(self) -> None:
        """Ask everybody who waits by this clock to come to an end."""
        self.stopped_at = min(self.stopped_at, self.now())
        self._stop.set()

    def stopped(self) -> bool:
        """Say whether `stop` was called."""
        return self._stop.is_set()
