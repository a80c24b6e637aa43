"""Calls are repeated when that can help, several made at once, rounds come to an end, and nothing passes the end."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import FakeClock, make_scheduler
from ztpurge.calls.pace import Pace
from ztpurge.calls.scheduler import Pauses, Tried, delay_after, retry_after
from ztpurge.errors import ApiError, Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ztpurge.calls.scheduler import Scheduler

START = 1000.0
LATER = {
    Failure.BUSY, Failure.SERVER, Failure.UNREADABLE, Failure.UNREACHABLE, Failure.AWAY, Failure.NO_NAME,
    Failure.TIMEOUT,
}  # fmt: skip
NO_TIME = "the run's `timeout` leaves no time for it"


def error(failure: Failure = Failure.SERVER, *, retry_after: float | None = None) -> ApiError:
    return ApiError(failure, failure.value, status=500, remedy="Wait", retry_after=retry_after)


@dataclass
class Server:
    """Fails so often, then accepts; each answer takes so many seconds."""

    clock: FakeClock
    errors: list[ApiError] = field(default_factory=list)
    seconds: float = 0
    starts: list[float] = field(default_factory=list)
    timeouts: list[float] = field(default_factory=list)

    def ask(self, timeout: float) -> str:
        self.starts.append(self.clock.now() - START)
        self.timeouts.append(timeout)
        self.clock.go_on(self.seconds)
        if self.errors:
            raise self.errors.pop(0)
        return "id"

    def call(self, *, retries: int = 4, seconds: float = 900, pace: Pace | None = None) -> Tried[str]:
        pace = pace or Pace(0, self.clock)
        return make_scheduler(self.clock, seconds=seconds, retries=retries, pace=pace).call(self.ask)


@pytest.mark.parametrize("failure", Failure, ids=lambda failure: failure.name)
@pytest.mark.parametrize("retry_after", [None, 1])
def test_only_what_may_succeed_later_is_repeated(clock: FakeClock, failure: Failure, retry_after: float | None) -> None:
    tried = Server(clock, [error(failure, retry_after=retry_after)]).call()
    if failure in LATER:
        assert (tried.value, tried.error, tried.attempts) == ("id", None, 2)
    else:
        assert (tried.value, tried.attempts, clock.slept) == (None, 1, [])
        assert str(tried.error) == f"{failure.value}. Wait"


@pytest.mark.parametrize(
    ("attempt", "ceiling"),
    [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 32), (7, 60), (8, 60), (100, 60), (10_000, 60)],
)
@pytest.mark.parametrize("jitter", [1.0, 0.25, 0.0])
@pytest.mark.parametrize("pause", [None, 0, 5])
def test_pauses_double_up_to_a_minute_on_top_of_what_the_server_asks_for(
    attempt: int, ceiling: float, jitter: float, pause: float | None
) -> None:
    asked = error(Failure.BUSY, retry_after=pause)
    assert delay_after(asked, attempt, jitter=jitter) == (pause or 0) + ceiling * jitter


@pytest.mark.parametrize(("failures", "retries"), [*((number, 4) for number in range(5)), (10, 0), (10, 1), (10, 4)])
def test_a_call_is_repeated_until_it_succeeds_or_its_tries_are_used_up(
    clock: FakeClock, failures: int, retries: int
) -> None:
    errors = [error() for _ in range(failures)]
    tried = Server(clock, [*errors], seconds=0.5).call(retries=retries)
    again = min(failures, retries)
    last = errors[retries] if failures > retries else None
    pauses = [1, 2, 4, 8][:again]
    assert tried == Tried(None if last else "id", last, again + 1, 0.5 * (again + 1) + sum(pauses))
    assert clock.slept == pauses


def test_a_value_that_is_false_is_a_success(clock: FakeClock) -> None:
    assert make_scheduler(clock).call(lambda _: None) == Tried(None, None, attempts=1, seconds=0)


def test_an_error_of_ours_is_raised_where_the_work_was_asked_for(clock: FakeClock) -> None:
    with pytest.raises(ZeroDivisionError):
        make_scheduler(clock).call(lambda timeout: timeout // 0)
    with pytest.raises(ZeroDivisionError):
        list(make_scheduler(clock).each([0], lambda item: 1 // item))


@pytest.mark.parametrize(
    ("failure", "stop_after", "seconds", "starts", "cause"),
    [
        pytest.param(error(), 9, 10, [0, 2, 5], f"the API failed; not tried again: {NO_TIME}", id="10 s"),
        pytest.param(
            error(Failure.BUSY, retry_after=900), 9, 900, [0],
            f"the API asked for a pause; not tried again: {NO_TIME}", id="a pause beyond the end",
        ),
        pytest.param(error(), 9, 0, [], f"not sent: {NO_TIME}", id="no time at all"),
        pytest.param(error(), 0, 900, [], "not sent: the run was cancelled", id="stopped before"),
        pytest.param(
            error(), 2, 900, [0, 2], "the API failed; not tried again: the run was cancelled", id="stopped amid"
        ),
    ],
)  # fmt: skip
def test_a_call_ends_with_the_time_or_a_stop(
    failure: ApiError, stop_after: int, seconds: float, starts: list[float], cause: str
) -> None:
    class StoppingClock(FakeClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if len(self.slept) == stop_after:
                self.stop()

    clock = StoppingClock()
    if not stop_after:
        clock.stop()
    server = Server(clock, [failure] * 10, seconds=1)
    tried = server.call(seconds=seconds)
    assert (tried.value, tried.attempts, server.starts) == (None, len(starts), starts)
    assert clock.now() - START < max(seconds, 1)  # nor is the end slept for
    assert tried.error
    assert tried.error.cause == cause
    told = (tried.error.failure, tried.error.status, tried.error.remedy, tried.error.retry_after)
    assert told == (
        (failure.failure, 500, "Wait", failure.retry_after) if starts else (Failure.NOT_SENT, None, "", None)
    )


@pytest.mark.parametrize(("seconds", "limit"), [(5, "`wait-timeout`"), (2000, "the run's `timeout`")])
def test_what_is_out_of_time_names_the_limit_that_ended_it(clock: FakeClock, seconds: float, limit: str) -> None:
    scheduler = make_scheduler(clock).within(seconds, "`wait-timeout`")
    assert scheduler.why_over() == ""
    clock.go_on(1000)
    assert scheduler.why_over() == f"{limit} leaves no time for it"
    assert str(scheduler.call(lambda _: "id").error) == f"not sent: {limit} leaves no time for it"


def test_a_call_may_use_the_request_timeout_but_no_more_than_is_left() -> None:
    server = Server(FakeClock(spread=0), [error() for _ in range(3)], seconds=60)
    server.call(seconds=200)
    assert server.timeouts == [100, 100, 80, 20]


@pytest.mark.parametrize(("asked", "seconds", "held"), [(30, 900, 30), (500, 900, 60), (500, 50, 25)])
def test_a_pause_for_one_call_is_one_for_all_of_a_minute_or_half_of_the_time_at_most(
    asked: float, seconds: float, held: float
) -> None:
    class AskingClock(FakeClock):
        def sleep(self, seconds: float) -> None:
            turns.append(pace.wait_for_turn(START + held))  # another call, before the pause is over
            super().sleep(seconds)

    turns: list[bool] = []
    clock = AskingClock(spread=0)
    pace = Pace(0, clock)
    server, other = Server(clock, [error(Failure.BUSY, retry_after=asked)]), Server(clock)
    server.call(retries=0, seconds=seconds, pace=pace)
    other.call(pace=pace)
    assert (server.starts, other.starts) == ([0], [held])
    assert not any(turns)


@given(
    failures=st.lists(st.tuples(st.sampled_from(list(Failure)), st.none() | st.integers(0, 100)), max_size=12),
    retries=st.integers(0, 8),
    timeout=st.integers(1, 500),
    jitter=st.sampled_from([0.0, 0.5, 1.0]),
)
def test_no_call_breaks_the_limits(
    failures: list[tuple[Failure, int | None]], retries: int, timeout: int, jitter: float
) -> None:
    errors = [error(failure, retry_after=pause) for failure, pause in failures]
    server = Server(FakeClock(spread=jitter), [*errors], seconds=3)
    tried = server.call(retries=retries, seconds=timeout)
    assert len(server.starts) == tried.attempts <= retries + 1
    assert all(start < timeout for start in server.starts)
    assert all(0 < allowed <= 100 for allowed in server.timeouts)
    assert all(one.failure in LATER for one in errors[: tried.attempts - 1])
    assert (tried.error is None) == (tried.attempts > len(errors))
    for number, start in enumerate(server.starts[1:]):
        assert start >= server.starts[number] + 3 + (errors[number].retry_after or 0)


def waiting_pace(clock: FakeClock) -> Pace:
    return Pace(0, clock, on_away=lambda _error: None)


def test_an_api_that_is_away_is_waited_for_without_using_up_tries(clock: FakeClock) -> None:
    server = Server(clock, [error(), *(error(Failure.AWAY) for _ in range(20)), error()])
    tried = server.call(retries=2, pace=waiting_pace(clock))
    assert (tried.value, tried.error, tried.attempts) == ("id", None, 3)
    assert tried.seconds > 120


def test_an_api_that_stays_away_is_named_with_the_time_since_then(clock: FakeClock) -> None:
    pace = waiting_pace(clock)
    tried = Server(clock, [error(), *(error(Failure.AWAY) for _ in range(200))]).call(pace=pace)
    untried = Server(clock).call(pace=pace, seconds=0)  # never had its turn
    assert (tried.attempts, tried.seconds > 880, untried.attempts) == (1, True, 0)
    assert tried.error
    assert (tried.error.failure, tried.error.maybe_accepted) == (Failure.AWAY, False)
    since = "the API has taken no connection since 00:16:41 UTC, and nothing was sent since"
    assert str(tried.error) == str(untried.error) == f"{since} (the API took no connection). Wait"


def test_a_name_that_nobody_knows_is_no_outage(clock: FakeClock) -> None:
    tried = Server(clock, [error(Failure.NO_NAME) for _ in range(9)]).call(pace=waiting_pace(clock))
    assert (tried.attempts, tried.seconds) == (5, 15)
    assert tried.error
    assert tried.error.failure is Failure.NO_NAME


@pytest.mark.parametrize("later", [[], [error(Failure.AWAY)], [error()]], ids=["none", "away", "500"])
def test_what_one_try_may_have_done_no_later_one_undoes(clock: FakeClock, later: list[ApiError]) -> None:
    first = ApiError(Failure.TIMEOUT, "no answer", maybe_accepted=True)
    tried = Server(clock, [first, *later * 200]).call(seconds=100, retries=len(later), pace=waiting_pace(clock))
    assert tried.error is not None
    assert tried.error.maybe_accepted


@pytest.mark.parametrize("concurrency", [1, 3, 100])
@pytest.mark.parametrize("items", [(), (7,), tuple(range(20)), ("a", "a")])
def test_each_item_is_worked_on_once(clock: FakeClock, concurrency: int, items: tuple[int | str, ...]) -> None:
    ended = make_scheduler(clock, concurrency=concurrency).each(items, lambda item: item * 2)
    assert sorted(map(str, ended)) == sorted(str((item, item * 2)) for item in items)


def test_results_come_as_they_finish_from_as_many_at_once_as_allowed(clock: FakeClock) -> None:
    first_may_end, meeting = threading.Event(), threading.Barrier(3, timeout=20)  # broken unless three are there
    lock = threading.Lock()
    inside = most = 0

    def ask(item: int) -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        if item < 3:
            meeting.wait()
        if item == 0:
            first_may_end.wait(20)
        with lock:
            inside -= 1

    order = []
    for item, _ in make_scheduler(clock, concurrency=3).each(range(6), ask):
        order.append(item)
        if len(order) == 5:
            first_may_end.set()
    assert (order[-1], sorted(order), most) == (0, list(range(6)), 3)


@pytest.mark.parametrize(
    ("stops_at", "grace", "left_at"), [(None, 4, 100.5), (0, 4, 4), (50, 4, 54), (50, 0, 50), (98, 4, 100.5)]
)
def test_what_is_unfinished_is_left_after_a_grace(stops_at: float | None, grace: float, left_at: float) -> None:
    class LookedAt(FakeClock):
        looks: list[float] | None = None

        def now(self) -> float:
            return START + self.looks.pop(0) if self.looks else super().now()

    clock, released = LookedAt(START), threading.Event()
    scheduler = make_scheduler(clock, seconds=100, concurrency=2, grace_at_stop=grace)
    if stops_at is not None:
        clock.go_on(stops_at)
        clock.stop()
        clock.go_on(2)
        clock.stop()  # a second signal brings no more time
    clock.looks = [left_at - 0.01, left_at - 0.01, left_at]
    ended = [item for item, _ in scheduler.each(range(2), lambda item: item and released.wait(20))]
    released.set()
    assert (ended, clock.looks) == ([0], [])


PAUSES = Pauses(first=1.0, longest=20.0)


class Oracle:
    """Settles each item at its given question, 0 for never; notes who was asked when."""

    def __init__(self, clock: FakeClock, settles_at: dict[str, int]) -> None:
        self.clock = clock
        self.settles_at = settles_at
        self.asked: list[str] = []
        self.times: list[float] = []
        self.heard: list[tuple[str, int]] = []

    def ask(self, item: str) -> int:
        self.asked.append(item)
        self.times.append(self.clock.now() - START)
        return self.asked.count(item)

    def hear(self, item: str, number: int) -> bool:
        assert threading.current_thread() is threading.main_thread()
        self.heard.append((item, number))
        return number == self.settles_at[item]

    def rounds(self, scheduler: Scheduler, *, most: int = 1_000_000) -> list[Sequence[str]]:
        """Go through the rounds, `most` of them, and return what was left after each that another was to follow."""
        left = []
        for one in scheduler.rounds(tuple(self.settles_at), self.ask, pauses=PAUSES, on_answer=self.hear):
            left.append(one)
            if len(left) == most:
                break
        return left


@pytest.mark.parametrize("concurrency", [1, 4])
def test_each_item_is_asked_after_until_it_is_settled(clock: FakeClock, concurrency: int) -> None:
    scheduler = make_scheduler(clock, concurrency=concurrency)
    assert (Oracle(clock, {}).rounds(scheduler), clock.slept) == ([], [])
    oracle = Oracle(clock, {"a": 1, "b": 3, "c": 2})
    assert oracle.rounds(scheduler) == [["b", "c"], ["b"]]
    assert sorted(oracle.heard) == [("a", 1), ("b", 1), ("b", 2), ("b", 3), ("c", 1), ("c", 2)]
    assert clock.slept == [1.0, 2.0]


def test_the_same_item_twice_is_two_items(clock: FakeClock) -> None:
    ask = iter([True, False, True]).__next__
    rounds = make_scheduler(clock).rounds("aa", lambda _: ask(), pauses=PAUSES, on_answer=lambda _, answer: answer)
    assert [*rounds] == [["a"]]


@pytest.mark.parametrize(
    ("seconds", "times"),
    [(-5, [0]), (0.5, [0]), (1, [0]), (1.5, [0, 0.5]), (10, [0, 1, 3, 7, 9]), (60, [0, 1, 3, 7, 15, 31, 51, 59])],
)
def test_the_last_look_is_a_second_before_the_end(clock: FakeClock, seconds: float, times: list[float]) -> None:
    oracle = Oracle(clock, {"a": 0})
    oracle.rounds(make_scheduler(clock, seconds=seconds))
    assert oracle.times == times


@given(
    seconds=st.floats(-10, 100_000),
    jitter=st.floats(0, 1),
    now=st.floats(0, 10_000_000),
    settles_at=st.dictionaries(st.sampled_from("abcd"), st.integers(0, 9), max_size=4),
)
def test_rounds_come_to_an_end_in_time(seconds: float, jitter: float, now: float, settles_at: dict[str, int]) -> None:
    clock = FakeClock(now, spread=jitter)
    oracle = Oracle(clock, settles_at)
    oracle.rounds(make_scheduler(clock, seconds=seconds))
    last = {item: oracle.asked.count(item) for item in settles_at}
    assert all(last.values())
    assert all(number <= settles_at[item] or not settles_at[item] for item, number in last.items())
    assert clock.now() <= max(now, now + seconds - 0.999)
    assert all(pause <= 20 for pause in clock.slept)
    # whoever is not settled was looked at near the end
    if last != settles_at:
        assert clock.now() >= now + seconds - 1.001


def test_who_leaves_the_loop_or_stops_the_run_ends_the_rounds(clock: FakeClock) -> None:
    oracle = Oracle(clock, {"a": 0, "b": 0})
    assert oracle.rounds(make_scheduler(clock), most=2) == [["a", "b"]] * 2
    assert (oracle.asked, clock.slept) == (["a", "b"] * 2, [1.0])
    stopped = make_scheduler(clock).rounds("ab", lambda _: clock.stop(), pauses=PAUSES, on_answer=lambda *_: False)
    assert ([*stopped], clock.slept) == ([], [1.0])


def test_who_hangs_past_the_end_is_not_heard_of(clock: FakeClock) -> None:
    released = threading.Event()
    heard: list[tuple[str, float]] = []

    def ask(item: str) -> float:
        if item == "hangs" and clock.slept:
            clock.sleep(1000)
            released.wait(20)
        return clock.now() - START

    def hear(item: str, answer: float) -> bool:
        heard.append((item, answer))
        return False

    rounds = make_scheduler(clock, concurrency=2).rounds(("hangs", "stays"), ask, pauses=PAUSES, on_answer=hear)
    assert len([*rounds]) == 1
    released.set()
    assert sorted(item for item, _ in heard) == ["hangs", "stays", "stays"]


TOLD_AT = 1445412480.0  # Wed, 21 Oct 2015 07:28:00 GMT
ASKED_PAUSES = {"0": 0.0, "120": 120.0, " 7 ": 7.0, "9999999999": 9999999999.0} | {
    "Wed, 21 Oct 2015 07:28:30 GMT": 30.0,
    "Wednesday, 21-Oct-15 07:28:30 GMT": 30.0,  # RFC 850
    "Wed, 21 Oct 2015 09:28:30 +0200": 30.0,
    "Wed, 21 Oct 2015 07:27:59 GMT": 0.0,  # gone by
}
NO_PAUSES = [
    "", " ", "soon", "-5", "1.5", "1e3", "inf", "\u0663", "9" * 400, "Wed, 21 Oct 2015 25:28:00 GMT",
    "Wed, 31 Feb 2015 07:28:00 GMT", "Wed, 21 Oct 99999 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:00 +9999",
]  # fmt: skip


@pytest.mark.parametrize(("text", "seconds"), [*ASKED_PAUSES.items(), *((text, None) for text in NO_PAUSES)])
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    assert retry_after(text, now=TOLD_AT) == seconds


@pytest.mark.parametrize(
    "text", ["Wed Oct 21 07:28:30 2015", "Wed, 21 Oct 2015 07:28:30 -0000"], ids=["asctime", "-0000"]
)
def test_a_date_without_a_zone_is_utc(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("TZ", "CST-8")
    time.tzset()
    try:
        assert retry_after(text, now=TOLD_AT) == 30.0
    finally:
        monkeypatch.undo()
        time.tzset()


DATE_PARTS = ["Wed", "21", "Oct", "2015", "07:28:00", "GMT", "+", "-0000", "-", ",", ":", ".", "(", "99999999999"]


@given(st.text() | st.lists(st.sampled_from(DATE_PARTS)).map(" ".join))
def test_any_retry_after_is_seconds_or_none(text: str) -> None:
    seconds = retry_after(text, now=TOLD_AT)
    assert seconds is None or 0 <= seconds < float("inf")
