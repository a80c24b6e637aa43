"""Every batch is attempted, results stay in plan order, and what did not get its turn is named."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tests.conftest import FakeClock
from ztpurge.calls.pace import Pace
from ztpurge.calls.retry import Limits
from ztpurge.cdn.answers import Receipt
from ztpurge.cdn.plan import Batch, Plan
from ztpurge.cdn.purge import Outcome, purge
from ztpurge.errors import ApiError, Failure

if TYPE_CHECKING:
    from collections.abc import Callable

    Submit = Callable[..., tuple[Outcome, ...]]

PLAN = Plan(tuple(Batch("urls", "a.example", (f"http://a.example/{number}",)) for number in range(5)))


@pytest.fixture
def told() -> list[Outcome]:
    return []


@pytest.fixture
def submit(clock: FakeClock, told: list[Outcome]) -> Submit:
    def submit(
        call: Callable[[Batch, float], Receipt], *, concurrency: int = 1, timeout: float = 900, pace: float = 0
    ) -> tuple[Outcome, ...]:
        limits = Limits(retries=2, request_timeout=100, deadline=clock.now() + timeout)
        return purge(
            PLAN,
            call=call,
            concurrency=concurrency,
            limits=limits,
            pace=Pace(pace, clock),
            clock=clock,
            jitter=lambda: 1.0,
            on_outcome=told.append,
        )

    return submit


def accept(batch: Batch, _timeout: float) -> Receipt:
    return Receipt(f"id-{batch.entries[0][-1]}")


@pytest.mark.parametrize("concurrency", [1, 2, 9])
def test_outcomes_come_in_plan_order(submit: Submit, told: list[Outcome], concurrency: int) -> None:
    outcomes = submit(accept, concurrency=concurrency)
    assert [(outcome.number, outcome.entries, outcome.state, outcome.req_id) for outcome in outcomes] == [
        (number, batch.entries, "accepted", f"id-{number - 1}") for number, batch in enumerate(PLAN.batches, start=1)
    ]
    assert sorted(told, key=lambda outcome: outcome.number) == list(outcomes)


def test_one_failure_hides_no_other(submit: Submit) -> None:
    def call(batch: Batch, timeout: float) -> Receipt:
        if batch.entries[0].endswith(("1", "3")):
            raise ApiError(Failure.REJECTED, f"no to {batch.entries[0]}")
        return accept(batch, timeout)

    outcomes = submit(call)
    assert [outcome.state for outcome in outcomes] == ["accepted", "failed", "accepted", "failed", "accepted"]
    assert [str(outcome.error) for outcome in outcomes if outcome.error] == [
        "no to http://a.example/1",
        "no to http://a.example/3",
    ]


def test_a_call_that_not_all_providers_took_is_partial(submit: Submit) -> None:
    outcomes = submit(lambda batch, timeout: Receipt(accept(batch, timeout).req_id, success_rate=50.0))
    assert {(outcome.state, outcome.req_id is None, outcome.attempts) for outcome in outcomes} == {
        ("partial", False, 1)
    }
    assert "only 50 %" in str(outcomes[0].error)


def test_tries_and_seconds_are_counted(submit: Submit, clock: FakeClock) -> None:
    failures = iter([ApiError(Failure.SERVER, "x"), ApiError(Failure.SERVER, "x")])

    def call(batch: Batch, timeout: float) -> Receipt:
        for failure in failures:
            raise failure
        return accept(batch, timeout)

    first = submit(call)[0]
    assert (first.attempts, first.seconds, clock.slept) == (3, 3.0, [1.0, 2.0])


def test_calls_start_at_least_the_pace_apart(submit: Submit, clock: FakeClock) -> None:
    starts = []

    def call(batch: Batch, timeout: float) -> Receipt:
        starts.append(clock.now())
        return accept(batch, timeout)

    submit(call, pace=1.5)
    assert starts == [1000.0, 1001.5, 1003.0, 1004.5, 1006.0]


def test_what_did_not_get_its_turn_in_time_is_named(submit: Submit, clock: FakeClock, told: list[Outcome]) -> None:
    def call(batch: Batch, timeout: float) -> Receipt:
        clock.sleep(40)
        return accept(batch, timeout)

    outcomes = submit(call, timeout=100)
    assert [(outcome.state, outcome.attempts) for outcome in outcomes] == [("accepted", 1)] * 3 + [("failed", 0)] * 2
    assert "not sent: the run's `timeout`" in str(outcomes[-1].error)
    assert len(told) == 5


def test_a_call_may_use_only_what_is_left_of_the_run(submit: Submit, clock: FakeClock) -> None:
    timeouts = []

    def call(batch: Batch, timeout: float) -> Receipt:
        timeouts.append(timeout)
        clock.sleep(60)
        return accept(batch, timeout)

    submit(call, timeout=150)
    assert timeouts == [100, 90, 30]


def test_what_is_under_way_at_the_end_may_have_been_accepted(
    submit: Submit, clock: FakeClock, told: list[Outcome]
) -> None:
    released = threading.Event()

    def call(batch: Batch, timeout: float) -> Receipt:
        clock.sleep(1000)
        released.wait(20)
        return accept(batch, timeout)

    outcomes = submit(call)
    released.set()
    assert [str(outcome.error).partition(";")[0] for outcome in outcomes] == [
        "no answer before the run had to end",
        *["not sent: the run's `timeout` leaves no time for it"] * 4,
    ]
    assert told == list(outcomes)


def test_what_a_split_batch_brought_until_the_end_is_kept(clock: FakeClock, told: list[Outcome]) -> None:
    entries = tuple(f"http://a.example/{number}" for number in range(4))
    released = threading.Event()

    def call(batch: Batch, timeout: float) -> Receipt:
        if batch.entries == entries:
            raise ApiError(Failure.CONTENT, "one of them")
        if batch.entries == entries[:2]:
            return Receipt("first-half")
        clock.sleep(1000)
        released.wait(20)
        raise ApiError(Failure.TIMEOUT, f"within {timeout}")

    outcomes = purge(
        Plan((Batch("urls", "a.example", entries),)),
        call=call,
        concurrency=1,
        limits=Limits(retries=0, request_timeout=100, deadline=clock.now() + 900),
        pace=Pace(0, clock),
        clock=clock,
        jitter=lambda: 0.0,
        on_outcome=told.append,
    )
    released.set()
    assert [(outcome.state, outcome.req_id, outcome.entries) for outcome in outcomes] == [
        ("accepted", "first-half", entries[:2]),
        ("failed", None, entries[2:]),
    ]
    assert "may have been accepted or not" in str(outcomes[1].error)
    assert told == list(outcomes)


def test_a_run_that_was_told_to_stop_starts_no_call(submit: Submit, clock: FakeClock) -> None:
    def call(batch: Batch, timeout: float) -> Receipt:
        if batch.entries[0].endswith("1"):
            clock.stop()
        return accept(batch, timeout)

    outcomes = submit(call)
    assert [outcome.state for outcome in outcomes] == ["accepted"] * 2 + ["failed"] * 3
    assert {str(outcome.error) for outcome in outcomes[2:]} == {"not sent: the run was cancelled"}


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("begins", [0, 40], ids=["at the start", "in the middle"])
def test_an_outage_of_two_minutes_fails_nothing(clock: FakeClock, concurrency: int, begins: float) -> None:
    """As many URLs as a site may change, and the inputs' defaults; the calls that were in vain are few."""
    tried: list[float] = []
    batches = tuple(Batch("urls", "a.example", (f"http://a.example/{number}",)) for number in range(30))
    outage = clock.now() + begins, clock.now() + begins + 120

    def call(batch: Batch, _timeout: float) -> Receipt:
        if outage[0] <= clock.now() < outage[1]:
            tried.append(clock.now())
            raise ApiError(Failure.AWAY, "no connection")
        clock.sleep(2)
        return Receipt(f"id-{batch.entries[0]}")

    heard: list[str] = []
    outcomes = purge(
        Plan(batches),
        call=call,
        concurrency=concurrency,
        limits=Limits(retries=4, request_timeout=100, deadline=clock.now() + 900),
        pace=Pace(0, clock, on_away=lambda error: heard.append(error.cause if error else "back")),
        clock=clock,
        jitter=lambda: 0.5,
        on_outcome=lambda _outcome: None,
    )
    assert {(outcome.state, outcome.attempts) for outcome in outcomes} == {("accepted", 1)}
    assert heard == ["no connection", "back"]
    assert len(tried) <= 20 + concurrency


def test_a_host_without_an_address_is_given_up_for_all(submit: Submit, clock: FakeClock) -> None:
    calls = []

    def call(batch: Batch, _timeout: float) -> Receipt:
        calls.append(batch)
        raise ApiError(Failure.NO_NAME, "no address")

    outcomes = submit(call)
    assert {(outcome.state, str(outcome.error)) for outcome in outcomes} == {("failed", "no address")}
    assert len(calls) == 3
    assert clock.now() < 1010


def test_a_req_id_for_two_calls_is_believed_of_neither(submit: Submit, told: list[Outcome]) -> None:
    def call(batch: Batch, timeout: float) -> Receipt:
        return Receipt("one") if batch.entries[0].endswith(("1", "3")) else accept(batch, timeout)

    outcomes = submit(call)
    assert [outcome.state for outcome in outcomes] == ["accepted", "partial", "accepted", "partial", "accepted"]
    assert [outcome.req_id for outcome in outcomes] == ["id-0", "one", "id-2", "one", "id-4"]
    assert {str(outcome.error) for outcome in outcomes if outcome.error} == {
        "the API gave this reqId for 2 calls, so it is not known which it took. Run the job again"
    }
    assert told[-2:] == [outcomes[1], outcomes[3]]


def test_what_an_answer_contradicts_is_named(submit: Submit) -> None:
    outcomes = submit(lambda batch, timeout: Receipt(accept(batch, timeout).req_id, None, "the API answered 500: oops"))
    assert {(outcome.state, outcome.req_id is None) for outcome in outcomes} == {("partial", False)}
    assert str(outcomes[0].error) == "it got a reqId, but the API answered 500: oops. Run the job again"


@pytest.mark.parametrize(
    ("error", "is_doubtful"),
    [
        pytest.param(ApiError(Failure.TIMEOUT, "no answer", maybe_accepted=True), True, id="sent"),
        pytest.param(ApiError(Failure.TIMEOUT, "the login took too long"), False, id="not sent"),
    ],
)
def test_what_was_sent_without_an_answer_is_doubtful(submit: Submit, error: ApiError, is_doubtful: bool) -> None:
    def call(batch: Batch, timeout: float) -> Receipt:
        if batch.entries[0].endswith("1"):
            raise error
        return accept(batch, timeout)

    outcomes = submit(call)
    assert [outcome.is_doubtful for outcome in outcomes] == [False, is_doubtful, False, False, False]
    assert outcomes[1].state == "failed"


class WatchedClock(FakeClock):
    """A clock that tells when the main thread has looked at it three times, long after the others came to rest."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0
        self.at_rest = threading.Event()

    def stopped(self) -> bool:
        self.looks += threading.current_thread() is threading.main_thread()
        if self.looks == 3:
            self.at_rest.set()
        return super().stopped()


def test_a_batch_that_waits_to_be_taken_apart_was_refused() -> None:
    """Nothing of it is under way: that it may have been accepted would not be true."""
    clock = WatchedClock()
    batches = tuple(
        Batch("urls", "a.example", tuple(f"http://a.example/{first}{number}" for number in range(10))) for first in "ab"
    )
    both_refused = threading.Barrier(2, timeout=20)
    released = threading.Event()

    def call(batch: Batch, _timeout: float) -> Receipt:
        if len(batch.entries) == 10:
            both_refused.wait()
            raise ApiError(Failure.CONTENT, "no")
        clock.at_rest.wait(20)
        clock.sleep(1000)
        released.wait(20)
        raise ApiError(Failure.CONTENT, "no")

    outcomes = purge(
        Plan(batches),
        call=call,
        concurrency=2,
        limits=Limits(retries=0, request_timeout=100, deadline=clock.now() + 900),
        pace=Pace(0, clock),
        clock=clock,
        jitter=lambda: 0.0,
        on_outcome=lambda _outcome: None,
    )
    released.set()
    assert {(outcome.is_doubtful, outcome.state) for outcome in outcomes} == {(True, "failed"), (False, "failed")}
    assert "no" in {str(outcome.error) for outcome in outcomes}
