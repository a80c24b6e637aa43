"""How far a stage is, as lines of the log while it lasts; what it is about is said by who runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ztpurge.report.sentences import count

if TYPE_CHECKING:
    from collections.abc import Hashable

    from ztpurge.calls.clock import Clock
    from ztpurge.runner import Runner

MOST_LINES = 50
_PAUSE = 5.0  # seconds between two lines about many


class Progress:
    """Tells of so many things that end one after the other: a line each, of more than 50 a line every five seconds.

    What went wrong stands in sight at once: the first 50 of that a line each, the others as a number.
    """

    def __init__(self, total: int, noun: str, runner: Runner, clock: Clock) -> None:
        self._total = total
        self._noun = noun
        self._runner = runner
        self._clock = clock
        self._began = self._told_at = clock.now()
        self._ended: set[Hashable] = set()
        self._wrong = 0

    def tell(self, which: Hashable, line: str, *, is_wrong: bool) -> None:
        """Hear that one of them has ended, or a part of it, and what the log is to say of that."""
        self._ended.add(which)
        self._wrong += is_wrong
        now = self._clock.now()
        if is_wrong and self._wrong <= MOST_LINES:
            self._runner.say_openly(line)
        elif self._total <= MOST_LINES:
            self._runner.say(line)
        elif now - self._told_at >= _PAUSE:
            self._told_at = now
            self._runner.say(self._so_far(now - self._began))

    def _so_far(self, seconds: float) -> str:
        ended = len(self._ended)
        left = (self._total - ended) * seconds / ended
        wrong = f"; {self._wrong:,} went wrong" if self._wrong else ""
        how_fast = f"{ended / seconds:.1f} a second, some {left:.0f} s left"
        return f"  {ended:,} of {count(self._total, self._noun)} after {seconds:.0f} s, {how_fast}{wrong}"
