"""Calls start a pace apart, and none starts while the server asked for a pause."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ztpurge.clock import Clock
from ztpurge.pace import Pace

START = 1000.0
NEVER = float("inf")


class SteppingClock(Clock):
    """A clock that only moves when somebody sleeps; the run is stopped after so many sleeps."""

    def __init__(self, stop_after: int | None = None) -> None:
        super().__init__()
        self.time = START
        self.slept: list[float] = []
        self._stop_after = stop_after

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds
        if len(self.slept) == self._stop_after:
            self.stop()


def starts(pace: Pace, clock: SteppingClock, *, calls: int, deadline: float = NEVER) -> list[float]:
    return [clock.now() - START for _ in range(calls) if pace.wait_for_turn(deadline)]


@pytest.mark.parametrize(
    ("seconds", "times"),
    [pytest.param(0, [0, 0, 0], id="no pace"), pytest.param(1.5, [0, 1.5, 3], id="a pace")],
)
def test_calls_start_a_pace_apart(seconds: float, times: list[float]) -> None:
    clock = SteppingClock()
    assert starts(Pace(seconds, clock), clock, calls=3) == times


def test_time_that_passed_counts_for_the_pace() -> None:
    clock = SteppingClock()
    pace = Pace(2, clock)
    assert pace.wait_for_turn(NEVER)
    clock.time += 1.5  # the call
    assert pace.wait_for_turn(NEVER)
    clock.time += 100
    assert pace.wait_for_turn(NEVER)
    assert clock.slept == [0.5]


def test_a_late_call_is_not_made_up_for() -> None:
    clock = SteppingClock()
    pace = Pace(1, clock)
    clock.time += 100
    assert starts(pace, clock, calls=3) == [100, 101, 102]


@pytest.mark.parametrize(
    ("holds", "times"),
    [
        pytest.param([5], [5, 6, 7], id="longer than the pace"),
        pytest.param([0], [0, 1, 2], id="no pause"),
        pytest.param([5, 3], [5, 6, 7], id="a shorter one shortens nothing"),
        pytest.param([3, 5], [5, 6, 7], id="a longer one counts"),
    ],
)
def test_a_pause_holds_all_calls_back(holds: list[float], times: list[float]) -> None:
    clock = SteppingClock()
    pace = Pace(1, clock)
    for seconds in holds:
        pace.hold(seconds)
    assert starts(pace, clock, calls=3) == times


def test_a_pause_within_the_pace_changes_nothing() -> None:
    clock = SteppingClock()
    pace = Pace(10, clock)
    assert pace.wait_for_turn(NEVER)
    pace.hold(5)
    assert starts(pace, clock, calls=1) == [10]


def test_a_pause_that_comes_while_a_call_waits_holds_it_back() -> None:
    class HoldingClock(SteppingClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if len(self.slept) == 1:
                pace.hold(7)

    clock = HoldingClock()
    pace = Pace(0, clock)
    pace.hold(2)
    assert starts(pace, clock, calls=1) == [9]
    assert clock.slept == [2, 7]


@pytest.mark.parametrize(
    ("pause", "deadline", "turn"),
    [
        pytest.param(0, START + 1, True, id="before it"),
        pytest.param(0, START, False, id="at it"),
        pytest.param(0, START - 1, False, id="after it"),
        pytest.param(5, START + 6, True, id="pause ends before it"),
        pytest.param(5, START + 5, False, id="pause ends at it"),
    ],
)
def test_no_call_starts_at_or_after_the_deadline(pause: float, deadline: float, turn: bool) -> None:
    clock = SteppingClock()
    pace = Pace(0, clock)
    pace.hold(pause)
    assert pace.wait_for_turn(deadline) is turn
    assert clock.slept == ([pause] if turn and pause else [])  # a refusal comes at once


def test_a_refused_turn_takes_nobody_elses() -> None:
    clock = SteppingClock()
    pace = Pace(5, clock)
    assert not pace.wait_for_turn(START)
    assert starts(pace, clock, calls=2) == [0, 5]


@pytest.mark.parametrize("pause", [0, 5], ids=["free", "waiting"])
def test_no_call_starts_once_the_run_is_stopped(pause: float) -> None:
    clock = SteppingClock()
    pace = Pace(0, clock)
    pace.hold(pause)
    clock.stop()
    assert pace.wait_for_turn(NEVER) is False
    assert clock.slept == []


def test_a_call_that_waits_gives_up_when_the_run_is_stopped() -> None:
    clock = SteppingClock(stop_after=1)
    pace = Pace(0, clock)
    pace.hold(5)
    assert pace.wait_for_turn(NEVER) is False
    assert clock.slept == [5]


@given(
    seconds=st.integers(0, 10),
    steps=st.lists(st.tuples(st.integers(0, 20), st.none() | st.integers(0, 20)), min_size=1, max_size=20),
)
@settings(deadline=None)
def test_any_calls_keep_the_pace_and_the_pauses(seconds: int, steps: list[tuple[int, int | None]]) -> None:
    clock = SteppingClock()
    pace = Pace(seconds, clock)
    last, held = START - seconds, START
    for passed, pause in steps:
        clock.time += passed
        if pause is not None:
            pace.hold(pause)
            held = max(held, clock.now() + pause)
        earliest = max(clock.now(), last + seconds, held)
        assert pace.wait_for_turn(NEVER)
        assert clock.now() == earliest
        last = clock.now()
