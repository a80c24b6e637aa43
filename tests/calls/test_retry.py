"""A call is repeated when that can help, never after it succeeded, and never past the limits."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ztpurge.calls.clock import Clock
from ztpurge.calls.pace import Pace
from ztpurge.calls.retry import Attempted, Limits, delay_after, no_answer, not_sent, persist
from ztpurge.errors import ApiError, Failure

START = 1000.0
LATER = {
    Failure.BUSY,
    Failure.SERVER,
    Failure.UNREADABLE,
    Failure.UNREACHABLE,
    Failure.AWAY,
    Failure.NO_NAME,
    Failure.TIMEOUT,
}


class SteppingClock(Clock):
    """A clock that only moves when somebody sleeps; the run is stopped after so many sleeps."""

    def __init__(self, stop_after: int | None = None) -> None:
        super().__init__()
        self.time = START
        self.slept: list[float] = []
        self._stop_after = stop_after

    def now(self) -> float:
        return self.time

    def wall(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds
        if len(self.slept) == self._stop_after:
            self.stop()


@dataclass
class Server:
    """Fails so often, then accepts; each answer takes so many seconds."""

    clock: SteppingClock
    errors: list[ApiError]
    seconds: float = 0
    starts: list[float] = field(default_factory=list)
    timeouts: list[float] = field(default_factory=list)

    def call(self, timeout: float) -> str:
        self.starts.append(self.clock.now() - START)
        self.timeouts.append(timeout)
        self.clock.time += self.seconds
        if self.errors:
            raise self.errors.pop(0)
        return "id"


def insist(
    server: Server, *, retries: int = 4, timeout: float = 900, pace: Pace | None = None, jitter: float = 1.0
) -> Attempted[str]:
    return persist(
        server.call,
        limits=Limits(retries=retries, request_timeout=100, deadline=START + timeout),
        pace=pace or Pace(0, server.clock),
        clock=server.clock,
        jitter=lambda: jitter,
    )


def error(failure: Failure = Failure.SERVER, *, retry_after: float | None = None) -> ApiError:
    return ApiError(failure, failure.value, status=500, remedy="Wait", retry_after=retry_after)


@pytest.mark.parametrize("failure", Failure, ids=lambda failure: failure.name)
def test_only_what_may_succeed_later_is_repeated(failure: Failure) -> None:
    assert (delay_after(error(failure), 1, jitter=lambda: 1.0) is not None) == (failure in LATER)
    server = Server(SteppingClock(), [error(failure)])
    attempted = insist(server)
    if failure in LATER:
        assert (attempted.value, attempted.error, attempted.attempts) == ("id", None, 2)
    else:
        assert (attempted.value, attempted.attempts, server.clock.slept) == (None, 1, [])
        assert attempted.error
        assert str(attempted.error) == f"{failure.value}. Wait"


@pytest.mark.parametrize("failure", [one for one in Failure if one not in LATER], ids=lambda one: one.name)
def test_retry_after_makes_nothing_worth_repeating(failure: Failure) -> None:
    assert delay_after(error(failure, retry_after=1), 1, jitter=lambda: 1.0) is None


@pytest.mark.parametrize(
    ("attempt", "ceiling"),
    [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 32), (7, 60), (8, 60), (100, 60), (10_000, 60)],
)
def test_the_ceiling_doubles_up_to_a_minute(attempt: int, ceiling: float) -> None:
    assert delay_after(error(), attempt, jitter=lambda: 1.0) == ceiling
    assert delay_after(error(), attempt, jitter=lambda: 0.25) == ceiling / 4
    assert delay_after(error(), attempt, jitter=lambda: 0.0) == 0


@given(
    attempt=st.integers(1, 200),
    retry_after=st.none() | st.floats(0, 1e10),
    jitter=st.floats(0, 1),
    failure=st.sampled_from(sorted(LATER, key=lambda failure: failure.name)),
)
@settings(deadline=None)
def test_a_pause_that_the_server_asks_for_is_kept(
    attempt: int, retry_after: float | None, jitter: float, failure: Failure
) -> None:
    delay = delay_after(error(failure, retry_after=retry_after), attempt, jitter=lambda: jitter)
    assert delay is not None
    assert (retry_after or 0) <= delay <= (retry_after or 0) + 60


@pytest.mark.parametrize(
    ("retry_after", "attempt", "delay"),
    [
        pytest.param(0, 3, 4, id="no pause does not end the back-off"),
        pytest.param(5, 4, 13, id="fourth try"),
        pytest.param(1, 7, 61, id="longest back-off"),
    ],
)
def test_a_pause_comes_on_top_of_the_back_off(retry_after: float, attempt: int, delay: float) -> None:
    assert delay_after(error(Failure.BUSY, retry_after=retry_after), attempt, jitter=lambda: 1.0) == delay


def test_what_succeeds_is_not_repeated() -> None:
    server = Server(SteppingClock(), [], seconds=2)
    assert insist(server) == Attempted("id", None, attempts=1, seconds=2)
    assert server.starts == [0]


def test_a_value_that_is_false_is_a_success() -> None:
    clock = SteppingClock()
    limits = Limits(retries=4, request_timeout=100, deadline=START + 900)
    attempted = persist(lambda _: None, limits=limits, pace=Pace(0, clock), clock=clock, jitter=lambda: 1.0)
    assert attempted == Attempted(None, None, attempts=1, seconds=0)


@pytest.mark.parametrize("failures", range(5))
def test_a_call_is_repeated_until_it_succeeds(failures: int) -> None:
    server = Server(SteppingClock(), [error() for _ in range(failures)], seconds=0.5)
    attempted = insist(server)
    assert (attempted.value, attempted.error, attempted.attempts) == ("id", None, failures + 1)
    assert server.clock.slept == [1, 2, 4, 8][:failures]
    assert attempted.seconds == 0.5 * (failures + 1) + sum([1, 2, 4, 8][:failures])


@pytest.mark.parametrize("retries", [0, 1, 4])
def test_tries_are_bounded(retries: int) -> None:
    errors = [error() for _ in range(10)]
    last = errors[retries]
    server = Server(SteppingClock(), errors)
    attempted = insist(server, retries=retries)
    assert attempted == Attempted(None, last, attempts=retries + 1, seconds=sum([1, 2, 4, 8][:retries]))
    assert len(server.starts) == retries + 1


def test_a_later_error_that_is_final_ends_the_tries() -> None:
    final = error(Failure.AUTH)
    server = Server(SteppingClock(), [error(), final])
    assert insist(server) == Attempted(None, final, attempts=2, seconds=1)


def test_an_error_of_ours_is_not_caught() -> None:
    clock = SteppingClock()

    def call(_timeout: float) -> str:
        raise ZeroDivisionError

    limits = Limits(retries=4, request_timeout=100, deadline=START + 900)
    with pytest.raises(ZeroDivisionError):
        persist(call, limits=limits, pace=Pace(0, clock), clock=clock, jitter=lambda: 1.0)


def test_total_time_is_bounded() -> None:
    server = Server(SteppingClock(), [error() for _ in range(10)], seconds=1)
    attempted = insist(server, timeout=10)
    assert server.starts == [0, 2, 5]  # the next would start at 10, when the run is over
    assert (attempted.value, attempted.attempts, attempted.seconds) == (None, 3, 6)
    assert attempted.error
    assert attempted.error.cause == "the API failed; not tried again: the run's `timeout` leaves no time for it"
    assert (attempted.error.failure, attempted.error.status, attempted.error.remedy) == (Failure.SERVER, 500, "Wait")


def test_a_pause_beyond_the_end_is_not_waited_for() -> None:
    server = Server(SteppingClock(), [error(Failure.BUSY, retry_after=900)])
    attempted = insist(server)
    assert (attempted.attempts, attempted.seconds, server.clock.slept) == (1, 0, [])
    assert attempted.error
    assert attempted.error.retry_after == 900
    assert attempted.error.cause.startswith("the API asked for a pause; not tried again: ")


def test_a_call_may_use_the_request_timeout_but_no_more_than_is_left() -> None:
    server = Server(SteppingClock(), [error() for _ in range(3)], seconds=60)
    insist(server, timeout=200, jitter=0)
    assert server.timeouts == [100, 100, 80, 20]


def test_a_call_that_gets_no_turn_is_not_sent() -> None:
    server = Server(SteppingClock(), [])
    attempted = insist(server, timeout=0)
    assert (attempted.value, attempted.attempts, server.starts) == (None, 0, [])
    assert attempted.error
    assert attempted.error.failure is Failure.NOT_SENT
    assert str(attempted.error) == "not sent: the run's `timeout` leaves no time for it"


def test_a_stopped_run_sends_nothing() -> None:
    server = Server(SteppingClock(), [])
    server.clock.stop()
    attempted = insist(server)
    assert (attempted.attempts, server.starts) == (0, [])
    assert str(attempted.error) == "not sent: the run was cancelled"


def test_a_run_that_is_stopped_between_tries_tries_no_more() -> None:
    server = Server(SteppingClock(stop_after=2), [error() for _ in range(10)])
    attempted = insist(server)
    assert (attempted.attempts, server.starts) == (2, [0, 1])
    assert attempted.error
    assert attempted.error.cause == "the API failed; not tried again: the run was cancelled"


def test_a_try_waits_for_its_turn() -> None:
    clock = SteppingClock()
    server = Server(clock, [error()])
    insist(server, pace=Pace(5, clock))
    assert server.starts == [0, 5]


def test_a_pause_for_one_call_is_a_pause_for_all() -> None:
    class AskingClock(SteppingClock):
        def sleep(self, seconds: float) -> None:
            turns.append(pace.wait_for_turn(START + 30))  # another call, before the pause is over
            super().sleep(seconds)

    turns: list[bool] = []
    clock = AskingClock()
    pace = Pace(0, clock)
    server = Server(clock, [error(Failure.BUSY, retry_after=30)])
    insist(server, pace=pace, jitter=0)
    assert (turns, server.starts) == ([False], [0, 30])


def test_a_pause_after_the_last_try_is_a_pause_for_all() -> None:
    clock = SteppingClock()
    pace = Pace(0, clock)
    insist(Server(clock, [error(Failure.BUSY, retry_after=30)]), retries=0, pace=pace)
    other = Server(clock, [])
    insist(other, pace=pace)
    assert other.starts == [30]


@pytest.mark.parametrize(
    ("stopped", "cause"),
    [(True, "not sent: the run was cancelled"), (False, "not sent: the run's `timeout` leaves no time for it")],
)
def test_what_was_not_sent_says_why(stopped: bool, cause: str) -> None:
    assert (not_sent(stopped=stopped).failure, str(not_sent(stopped=stopped))) == (Failure.NOT_SENT, cause)


def test_what_was_under_way_may_have_been_accepted() -> None:
    assert no_answer().failure is Failure.TIMEOUT
    assert str(no_answer()) == "no answer before the run had to end; it may have been accepted or not"


@given(
    failures=st.lists(
        st.tuples(st.sampled_from(list(Failure)), st.none() | st.integers(0, 100), st.integers(0, 50)), max_size=12
    ),
    retries=st.integers(0, 8),
    timeout=st.integers(1, 500),
    jitter=st.sampled_from([0.0, 0.5, 1.0]),
)
@settings(deadline=None)
def test_no_call_breaks_the_limits(
    failures: list[tuple[Failure, int | None, int]], retries: int, timeout: int, jitter: float
) -> None:
    errors = [error(failure, retry_after=pause) for failure, pause, _ in failures]
    server = Server(SteppingClock(), list(errors), seconds=3)
    attempted = insist(server, retries=retries, timeout=timeout, jitter=jitter)
    assert len(server.starts) == attempted.attempts <= retries + 1
    assert all(start < timeout for start in server.starts)
    assert all(0 < allowed <= 100 for allowed in server.timeouts)
    assert all(one.failure in LATER for one in errors[: attempted.attempts - 1])
    assert (attempted.error is None) == (attempted.attempts > len(errors))
    for number, start in enumerate(server.starts[1:]):
        assert start >= server.starts[number] + 3 + (errors[number].retry_after or 0)


def waiting_pace(clock: Clock) -> Pace:
    return Pace(0, clock, on_away=lambda _error: None)


def test_an_api_that_is_away_is_waited_for_without_using_up_tries() -> None:
    clock = SteppingClock()
    server = Server(clock, [error(), *(error(Failure.AWAY) for _ in range(20)), error()])
    attempted = insist(server, retries=2, pace=waiting_pace(clock))
    assert (attempted.value, attempted.error, attempted.attempts) == ("id", None, 3)
    assert attempted.seconds > 120


def test_an_api_that_stays_away_is_named_with_the_time_since_then() -> None:
    clock = SteppingClock()
    server = Server(clock, [error(), *(error(Failure.AWAY) for _ in range(200))])
    attempted = insist(server, pace=waiting_pace(clock))
    assert (attempted.attempts, attempted.seconds > 880) == (1, True)
    assert attempted.error
    assert (attempted.error.failure, attempted.error.maybe_accepted) == (Failure.AWAY, False)
    since = (
        "the API has taken no connection since 00:16:41 UTC, and nothing was sent since (the API took no connection)"
    )
    assert str(attempted.error) == f"{since}. Wait"


def test_what_never_had_its_turn_while_the_api_is_away_says_so_too() -> None:
    clock = SteppingClock()
    pace = waiting_pace(clock)
    tried = insist(Server(clock, [error(Failure.AWAY) for _ in range(200)]), timeout=100, pace=pace)
    untried = insist(Server(clock, []), timeout=100, pace=pace)
    assert untried.attempts == 0
    assert str(untried.error) == str(tried.error)
    assert "since 00:16:40 UTC" in str(untried.error)


def test_a_name_that_nobody_knows_is_no_outage() -> None:
    clock = SteppingClock()
    attempted = insist(Server(clock, [error(Failure.NO_NAME) for _ in range(9)]), pace=waiting_pace(clock))
    assert (attempted.attempts, attempted.seconds) == (5, 15)
    assert attempted.error
    assert attempted.error.failure is Failure.NO_NAME


@pytest.mark.parametrize("later", [[], [error(Failure.AWAY)], [error()]], ids=["none", "away", "500"])
def test_what_one_try_may_have_done_no_later_one_undoes(later: list[ApiError]) -> None:
    clock = SteppingClock()
    first = ApiError(Failure.TIMEOUT, "no answer", maybe_accepted=True)
    attempted = insist(Server(clock, [first, *later * 200]), timeout=100, retries=len(later), pace=waiting_pace(clock))
    assert attempted.error
    assert attempted.error.maybe_accepted
