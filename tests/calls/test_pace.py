"""Calls start a pace apart, and none starts while the server asked for a pause."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import FakeClock
from ztpurge.calls.pace import Pace
from ztpurge.errors import ApiError, Failure

START = 1000.0
NEVER = float("inf")


def starts(pace: Pace, clock: FakeClock, *, calls: int, deadline: float = NEVER) -> list[float]:
    return [clock.now() - START for _ in range(calls) if pace.wait_for_turn(deadline)]


@pytest.mark.parametrize(
    ("pace", "holds", "times"),
    [
        pytest.param(0, [], [0, 0, 0], id="no pace"),
        pytest.param(1.5, [], [0, 1.5, 3], id="a pace"),
        pytest.param(1, [5], [5, 6, 7], id="a pause longer than the pace"),
        pytest.param(1, [0], [0, 1, 2], id="no pause"),
        pytest.param(1, [5, 3], [5, 6, 7], id="a shorter pause shortens nothing"),
        pytest.param(1, [3, 5], [5, 6, 7], id="a longer pause counts"),
    ],
)
def test_calls_start_a_pace_apart_and_after_a_pause(
    clock: FakeClock, pace: float, holds: list[float], times: list[float]
) -> None:
    paced = Pace(pace, clock)
    for seconds in holds:
        paced.hold(seconds)
    assert starts(paced, clock, calls=3) == times


def test_a_pause_that_comes_while_a_call_waits_holds_it_back() -> None:
    class HoldingClock(FakeClock):
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
    ("pause", "deadline", "turn"), [(0, 1, True), (0, 0, False), (0, -1, False), (5, 6, True), (5, 5, False)]
)
def test_no_call_starts_at_or_after_the_deadline(clock: FakeClock, pause: float, deadline: float, turn: bool) -> None:
    pace = Pace(5, clock)
    pace.hold(pause)
    assert pace.wait_for_turn(START + deadline) is turn
    assert clock.slept == ([pause] if turn and pause else [])  # a refusal comes at once
    if not turn:  # and takes nobody else's
        assert starts(pace, clock, calls=2) == [pause, pause + 5]


@pytest.mark.parametrize(
    ("pause", "while_waiting"),
    [pytest.param(0, False, id="free"), pytest.param(5, False, id="held"), pytest.param(5, True, id="waiting")],
)
def test_no_call_starts_once_the_run_is_stopped(pause: float, while_waiting: bool) -> None:
    class StoppedClock(FakeClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            self.stop()

    clock = StoppedClock()
    pace = Pace(0, clock)
    pace.hold(pause)
    if not while_waiting:
        clock.stop()
    assert pace.wait_for_turn(NEVER) is False
    assert clock.slept == ([pause] if while_waiting else [])


@given(
    seconds=st.integers(0, 10),
    steps=st.lists(st.tuples(st.integers(0, 20), st.none() | st.integers(0, 20)), min_size=1, max_size=20),
)
@settings(deadline=None)
def test_any_calls_keep_the_pace_and_the_pauses(seconds: int, steps: list[tuple[int, int | None]]) -> None:
    clock = FakeClock()
    pace = Pace(seconds, clock)
    last, held = START - seconds, START
    for passed, pause in steps:
        clock.go_on(passed)
        if pause is not None:
            pace.hold(pause)
            held = max(held, clock.now() + pause)
        earliest = max(clock.now(), last + seconds, held)
        assert pace.wait_for_turn(NEVER)
        assert clock.now() == earliest
        last = clock.now()


class GlancingClock(FakeClock):
    """A clock by which a call that gets no turn at once gives up after one more look."""

    looks: int | None = None

    def stopped(self) -> bool:
        if self.looks is None:
            return super().stopped()
        self.looks -= 1
        return self.looks < 0


def fitting(pace: Pace, clock: GlancingClock) -> int:
    """Let calls begin until one has to wait, and return how many began."""
    for number in range(100):
        clock.looks = 1
        turn = pace.wait_for_turn(NEVER)
        clock.looks = None
        if not turn:
            return number
    raise AssertionError("no end")


def begin(pace: Pace, clock: FakeClock, calls: int) -> float:
    for _ in range(calls):
        assert pace.wait_for_turn(NEVER)
    return clock.now()


def failed(failure: Failure) -> ApiError:
    return ApiError(failure, failure.value)


TIME_OUT, REFUSED = failed(Failure.TIMEOUT), failed(Failure.AWAY)
Rounds = list[tuple[int, list[tuple[float, ApiError | None]]]]  # calls that begin; how some of them end after seconds


@pytest.mark.parametrize(
    ("rounds", "fit"),
    [
        # of one time: that the service was slow then is known after the first
        pytest.param([(8, [(100, TIME_OUT), *[(0, TIME_OUT)] * 4])], 1, id="half of them after a time-out"),
        pytest.param([(1, [(100, TIME_OUT)])] * 4, 1, id="one, however many time out"),
        pytest.param([(2, [(10, None)] * 2)], 10, id="as many as one after another are answered in time"),
        pytest.param([(2, [(40, None)] * 2)], 2, id="two of 40 s"),
        pytest.param([(2, [(60, None)] * 2)], 1, id="one of a minute"),
        pytest.param([(2, [(99, None)] * 2)], 1, id="at least one"),
        pytest.param([(4, [(60, None), *[(0, None)] * 3])], 13, id="all, if all are answered at once"),
    ],
)
def test_as_many_are_under_way_as_were_answered_in_time(rounds: Rounds, fit: int) -> None:
    clock = GlancingClock()
    pace = Pace(0, clock)
    for calls, ends in rounds:
        started = begin(pace, clock, calls)
        for seconds, error in ends:
            clock.go_on(seconds)
            pace.end_turn(error, started=started, timeout=100)
    assert fitting(pace, clock) == fit


def test_half_of_them_are_under_way_once_the_server_asked_for_less_of_any() -> None:
    clock = GlancingClock()
    pace = Pace(0, clock)
    started = begin(pace, clock, 16)
    for _ in range(16):
        clock.go_on(1)
        pace.ease(started=started)  # calls of one time, which all began before it was known
    for _ in range(16):
        pace.end_turn(failed(Failure.SERVER), started=started, timeout=100)
    assert fitting(pace, clock) == 8
    for _ in range(8):
        pace.end_turn(None, started=clock.now(), timeout=100)
    assert fitting(pace, clock) == 16


def test_each_success_allows_one_more_after_a_time_out() -> None:
    clock = GlancingClock()
    pace = Pace(0, clock)
    started = begin(pace, clock, 2)
    clock.go_on(100)
    for _ in range(2):
        pace.end_turn(TIME_OUT, started=started, timeout=100)
    for most in (2, 3, 4):
        started = begin(pace, clock, 1)
        clock.go_on(1)
        pace.end_turn(None, started=started, timeout=100)
        assert fitting(pace, clock) == most
        for _ in range(most):
            pace.end_turn(failed(Failure.SERVER), started=clock.now(), timeout=100)


@pytest.mark.parametrize(("calls", "at"), [pytest.param(3, 180, id="for each"), pytest.param(5, 200, id="at most")])
def test_the_service_gets_time_for_what_was_given_up(clock: FakeClock, calls: int, at: float) -> None:
    pace = Pace(0, clock)
    started = begin(pace, clock, calls)
    clock.go_on(40)
    pace.end_turn(None, started=started, timeout=100)  # so it takes 40 s for each
    clock.go_on(60)
    for _ in range(calls - 1):
        pace.end_turn(TIME_OUT, started=started, timeout=100)
    assert starts(pace, clock, calls=1) == [at]


def away_pace(clock: FakeClock) -> tuple[Pace, list[str]]:
    heard: list[str] = []
    return Pace(0, clock, on_away=lambda error: heard.append(error.cause if error else "back")), heard


def probe(pace: Pace, clock: FakeClock, error: ApiError | None) -> bool:
    assert pace.wait_for_turn(NEVER)
    return pace.end_turn(error, started=clock.now(), timeout=100)


def test_one_call_at_a_time_asks_whether_the_api_is_back() -> None:
    clock = GlancingClock()
    pace, heard = away_pace(clock)
    started = begin(pace, clock, 4)
    clock.go_on(0.1)
    assert [pace.end_turn(REFUSED, started=started, timeout=100) for _ in range(4)] == [True] * 4
    assert [probe(pace, clock, REFUSED) for _ in range(6)] == [True] * 6
    assert clock.slept == [0.5, 1, 2, 4, 8, 8]
    assert pace.wait_for_turn(NEVER)
    assert fitting(pace, clock) == 0
    away = pace.away()
    assert away
    assert away.seconds == pytest.approx(31.6)
    assert pace.end_turn(failed(Failure.SERVER), started=clock.now(), timeout=100) is False
    assert pace.away() is None
    assert all(pace.wait_for_turn(NEVER) for _ in range(4))
    assert heard == [REFUSED.cause, "back"]


def test_a_call_that_began_before_the_outage_does_not_end_it(clock: FakeClock) -> None:
    pace, heard = away_pace(clock)
    started = begin(pace, clock, 3)
    clock.go_on(1)
    pace.end_turn(REFUSED, started=clock.now(), timeout=100)
    assert probe(pace, clock, REFUSED)  # nor does it keep others from asking
    pace.end_turn(None, started=started, timeout=100)
    assert pace.away()
    assert heard == [REFUSED.cause]


@pytest.mark.parametrize(("was_answered", "seconds"), [(False, 300), (True, 2000)])
def test_what_never_answered_is_waited_for_five_minutes(was_answered: bool, seconds: float) -> None:
    clock = FakeClock()
    pace, _ = away_pace(clock)
    if was_answered:
        probe(pace, clock, failed(Failure.BUSY))
    while pace.wait_for_turn(START + 2000):
        assert pace.end_turn(REFUSED, started=clock.now(), timeout=100)
    assert 0 <= START + seconds - clock.now() <= 8


def test_a_name_is_waited_for_only_once_it_was_known(clock: FakeClock) -> None:
    pace, heard = away_pace(clock)
    unknown = failed(Failure.NO_NAME)
    assert [probe(pace, clock, error) for error in (unknown, None, unknown)] == [False, False, True]
    assert heard == [unknown.cause]


def test_nobody_waits_for_an_api_whose_absence_nobody_hears_of(clock: FakeClock) -> None:
    pace = Pace(0, clock)
    assert probe(pace, clock, REFUSED) is False
    assert pace.away() is None
    assert starts(pace, clock, calls=2) == [0, 0]
