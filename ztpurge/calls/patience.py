"""How long calls that are under way are waited for: to the end of their time, or shortly after the run is to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ztpurge.calls.clock import Clock

_GRACE_AT_END = 0.5  # seconds, for what ends just in time to be told apart from what does not
_GRACE_AT_STOP = 4.0  # seconds: the runner sends SIGTERM after 7.5 and SIGKILL after 10


class Patience:
    """Waits until `end` on the clock, or a few seconds after the run was told to stop."""

    def __init__(self, end: float, clock: Clock) -> None:
        self._end = end + _GRACE_AT_END
        self._clock = clock
        self._stopping = False

    def is_over(self) -> bool:
        """Say whether what is still under way is to be left."""
        if self._clock.stopped() and not self._stopping:
            self._stopping = True
            self._end = min(self._end, self._clock.now() + _GRACE_AT_STOP)
        return self._clock.now() >= self._end


def why_over(clock: Clock, end: float) -> str:
    """Return why what only reads is to be left at once, nothing while there is time."""
    if clock.stopped():
        return "the run was cancelled"
    return "the run's `timeout` leaves no time for it" if clock.now() >= end else ""
