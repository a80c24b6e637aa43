"""Asking after things until each has come to an end: in rounds, with growing pauses, within a given time."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from ztpurge.calls.patience import Patience
from ztpurge.calls.workers import as_completed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ztpurge.calls.clock import Clock

T = TypeVar("T")
_LAST_LOOK = 1.0  # seconds that are kept for a round before the end


class Settling(Protocol):
    """An answer that says whether it is the last word."""

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing more to ask."""


R = TypeVar("R", bound=Settling)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """Seconds between two rounds: `first`, then twice as long each time up to `longest`, spread by half of it."""

    first: float
    longest: float

    def after(self, number: int, jitter: float) -> float:
        """Return the pause after round `number` (from 1); `jitter`: 0 to 1."""
        return min(self.longest, self.first * 2.0 ** min(number - 1, 20)) * (0.5 + jitter / 2)


def ask_in_rounds(  # noqa: PLR0913 - each a thing that tests replace
    ask: Callable[[T, R | None], R],
    items: Sequence[T],
    *,
    pauses: Pauses,
    concurrency: int,
    end: float,
    clock: Clock,
    jitter: Callable[[], float],
    on_answer: Callable[[T, R], None] = lambda _item, _answer: None,
    on_round: Callable[[int], None] = lambda _left: None,
    most_rounds: int | None = None,
    is_enough: Callable[[], bool] = lambda: False,
) -> tuple[R | None, ...]:
    """Ask after each item until its answer is settled, it is `end` on the clock, or the run is to stop.

    `ask` takes an item and the answer of the round before; `on_answer` hears of each answer in this thread,
    `on_round` of how many are left after each round, if it is not `is_enough` then. Returns the last answer for each
    item, None where there is none.
    """
    latest: list[R | None] = [None] * len(items)
    left = list(range(len(items)))
    for number in itertools.count(1):
        found = as_completed(
            lambda index: ask(items[index], latest[index]),
            left,
            concurrency=concurrency,
            give_up=Patience(end, clock).is_over,
        )
        for position, answer in found:
            latest[left[position]] = answer
            on_answer(items[left[position]], answer)
        left = [index for index in left if not _is_settled(latest[index])]
        remaining = end - clock.now()
        is_over = number == most_rounds or remaining <= _LAST_LOOK or clock.stopped()
        if not left or is_over or is_enough():
            break
        on_round(len(left))
        clock.sleep(min(pauses.after(number, jitter()), remaining - _LAST_LOOK))
    return tuple(latest)


def _is_settled(answer: Settling | None) -> bool:
    return answer is not None and answer.is_settled
