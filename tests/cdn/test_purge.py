"""Every batch is attempted, outcomes stay in plan order, and of what is refused exactly the culprits are left."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import FakeClock, make_scheduler
from ztpurge.calls.pace import Pace
from ztpurge.cdn.answers import Receipt
from ztpurge.cdn.plan import Batch, Plan
from ztpurge.cdn.purge import Outcome, Purging
from ztpurge.errors import ApiError, Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Submit = Callable[..., tuple[Outcome, ...]]
    Call = Callable[[Batch, float], Receipt]

PLAN = Plan(tuple(Batch("urls", "a.example", (f"http://a.example/{number}",)) for number in range(5)))


@pytest.fixture
def told() -> list[Outcome]:
    return []


@pytest.fixture
def submit(clock: FakeClock, told: list[Outcome]) -> Submit:
    def submit(call: Call, *, plan: Plan = PLAN, **changes: Any) -> tuple[Outcome, ...]:  # noqa: ANN401 - as make_scheduler
        return Purging(plan, call, make_scheduler(clock, **changes)).run(told.append)

    return submit


def accept(batch: Batch, _timeout: float) -> Receipt:
    return Receipt(f"id-{batch.entries[0][-1]}")


def at(names: str, act: Call) -> Call:
    """Return a call that accepts, but acts where a batch begins with one of the entries so called."""
    return lambda batch, timeout: (act if batch.entries[0][-1] in names else accept)(batch, timeout)


@pytest.mark.parametrize("concurrency", [1, 2, 9])
def test_outcomes_come_in_plan_order(submit: Submit, told: list[Outcome], concurrency: int) -> None:
    outcomes = submit(accept, concurrency=concurrency)
    assert [(outcome.number, outcome.entries, outcome.state, outcome.req_id) for outcome in outcomes] == [
        (number, batch.entries, "accepted", f"id-{number - 1}") for number, batch in enumerate(PLAN.batches, start=1)
    ]
    assert sorted(told, key=lambda outcome: outcome.number) == list(outcomes)


@pytest.mark.parametrize("failure", [Failure.REJECTED, Failure.TIMEOUT])
@pytest.mark.parametrize("is_sent", [True, False])
def test_one_failure_hides_no_other_and_is_doubtful_if_the_call_was_sent_without_an_answer(
    submit: Submit, failure: Failure, is_sent: bool
) -> None:
    def refuse(batch: Batch, _timeout: float) -> Receipt:
        raise ApiError(failure, f"no to {batch.entries[0]}", maybe_accepted=is_sent)

    outcomes = submit(at("13", refuse))
    assert [(outcome.state, outcome.is_doubtful) for outcome in outcomes[::2]] == [("accepted", False)] * 3
    assert [(outcome.state, outcome.is_doubtful) for outcome in outcomes[1::2]] == [("failed", is_sent)] * 2
    assert [str(outcome.error) for outcome in outcomes[1::2]] == [f"no to http://a.example/{name}" for name in "13"]


@pytest.mark.parametrize(
    ("receipt", "error"),
    [
        pytest.param(Receipt("x", 50.0), "only 50 % of the providers behind the service took it", id="some"),
        pytest.param(Receipt("x", None), "an unknown part of the providers behind the service took it", id="unknown"),
        pytest.param(Receipt("x", None, "it said no"), "it got a reqId, but it said no", id="contradicted"),
    ],
)
def test_a_call_that_not_all_providers_took_is_partial(submit: Submit, receipt: Receipt, error: str) -> None:
    first, *_ = submit(at("0", lambda _batch, _timeout: receipt))
    assert (first.state, first.req_id, first.attempts) == ("partial", "x", 1)
    assert str(first.error) == f"{error}. Run the job again"


def test_tries_and_seconds_are_counted_and_the_pace_kept(submit: Submit, clock: FakeClock) -> None:
    failures = iter([ApiError(Failure.SERVER, "x"), ApiError(Failure.SERVER, "x")])
    starts = []

    def call(batch: Batch, timeout: float) -> Receipt:
        starts.append(clock.now() - 1000)
        for failure in failures:
            raise failure
        return accept(batch, timeout)

    first = submit(call, pace=Pace(1.5, clock))[0]
    assert (first.attempts, first.seconds) == (3, 3.5)
    assert starts == [0, 1.5, 3.5, 5, 6.5, 8, 9.5]


def test_what_did_not_get_its_turn_in_time_is_named(submit: Submit, clock: FakeClock, told: list[Outcome]) -> None:
    def call(batch: Batch, timeout: float) -> Receipt:
        clock.sleep(40)
        return accept(batch, timeout)

    outcomes = submit(call, seconds=100)
    assert [(outcome.state, outcome.attempts) for outcome in outcomes] == [("accepted", 1)] * 3 + [("failed", 0)] * 2
    assert "not sent: the run's `timeout`" in str(outcomes[-1].error)
    assert len(told) == 5


def test_what_is_under_way_at_the_end_may_be_accepted(submit: Submit, clock: FakeClock, told: list[Outcome]) -> None:
    released = threading.Event()

    def call(batch: Batch, timeout: float) -> Receipt:
        clock.sleep(1000)
        released.wait(20)
        return accept(batch, timeout)

    outcomes = submit(call)
    released.set()
    first, *others = (str(outcome.error).partition(";")[0] for outcome in outcomes)
    assert first == "no answer before the run had to end"
    assert others == ["not sent: the run's `timeout` leaves no time for it"] * 4
    assert told == list(outcomes)


def test_what_a_split_batch_brought_in_time_is_kept(submit: Submit, clock: FakeClock, told: list[Outcome]) -> None:
    entries = tuple(f"http://a.example/{number}" for number in range(4))
    released = threading.Event()

    def call(batch: Batch, timeout: float) -> Receipt:
        assert batch.project_id == "p1"
        if batch.entries == entries:
            raise ApiError(Failure.CONTENT, "one of them")
        if batch.entries == entries[:2]:
            return Receipt("first-half")
        clock.sleep(1000)
        released.wait(20)
        raise ApiError(Failure.TIMEOUT, f"within {timeout}")

    outcomes = submit(call, plan=Plan((Batch("urls", "a.example", entries, "p1"),)))
    released.set()
    assert [(outcome.state, outcome.req_id, outcome.entries) for outcome in outcomes] == [
        ("accepted", "first-half", entries[:2]),
        ("failed", None, entries[2:]),
    ]
    assert "may have been accepted or not" in str(outcomes[1].error)
    assert told == list(outcomes)


def test_a_run_that_was_told_to_stop_starts_no_call(submit: Submit, clock: FakeClock) -> None:
    def stop(batch: Batch, timeout: float) -> Receipt:
        clock.stop()
        return accept(batch, timeout)

    outcomes = submit(at("1", stop))
    assert [outcome.state for outcome in outcomes] == ["accepted"] * 2 + ["failed"] * 3
    assert {str(outcome.error) for outcome in outcomes[2:]} == {"not sent: the run was cancelled"}


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("begins", [0, 40], ids=["at the start", "in the middle"])
def test_an_outage_of_two_minutes_is_survived(submit: Submit, clock: FakeClock, concurrency: int, begins: int) -> None:
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
    pace = Pace(0, clock, on_away=lambda error: heard.append(error.cause if error else "back"))
    outcomes = submit(call, plan=Plan(batches), concurrency=concurrency, retries=4, pace=pace)
    assert {(outcome.state, outcome.attempts) for outcome in outcomes} == {("accepted", 1)}
    assert heard == ["no connection", "back"]
    assert len(tried) <= 20 + concurrency


@pytest.mark.parametrize(
    ("failure", "tries", "others"),
    [(Failure.NO_NAME, 3, 0), (Failure.AUTH, 1, 0), (Failure.HOST, 1, 1)],
    ids=["no address: for all", "a refused token: for all", "a refused host: for its calls"],
)
def test_what_need_not_be_asked_again_is_given_up(
    submit: Submit, clock: FakeClock, failure: Failure, tries: int, others: int
) -> None:
    calls = []

    def call(batch: Batch, _timeout: float) -> Receipt:
        calls.append(batch.host)
        raise ApiError(failure, "no")

    outcomes = submit(call, plan=Plan((*PLAN.batches, Batch("urls", "b.example", ("http://b.example/",)))))
    assert {(outcome.state, str(outcome.error)) for outcome in outcomes} == {("failed", "no")}
    assert calls == ["a.example"] * tries + ["b.example"] * others
    assert clock.now() < 1010


def test_a_req_id_for_two_calls_is_believed_of_neither(submit: Submit, told: list[Outcome]) -> None:
    outcomes = submit(at("13", lambda _batch, _timeout: Receipt("one")))
    assert [outcome.state for outcome in outcomes] == ["accepted", "partial", "accepted", "partial", "accepted"]
    assert [outcome.req_id for outcome in outcomes] == ["id-0", "one", "id-2", "one", "id-4"]
    why = "the API gave this reqId for 2 calls, so it is not known which it took. Run the job again"
    assert {str(outcome.error) for outcome in outcomes if outcome.error} == {why}
    assert told[-2:] == [outcomes[1], outcomes[3]]


PLAN_OF_WAVES = Plan(tuple(replace(batch, wave=1 if number < 2 else 2) for number, batch in enumerate(PLAN.batches)))
FIRST, SECOND = PLAN_OF_WAVES.waves


@dataclass
class Waves:
    """Purges in two waves, and between them has somebody wait."""

    clock: FakeClock
    calls: list[tuple[int, str]] = field(default_factory=list)
    told: list[Outcome] = field(default_factory=list)

    def run(
        self, call: Call, *, plan: Plan = PLAN_OF_WAVES, wait: Callable[[Outcome], Outcome] = lambda outcome: outcome
    ) -> tuple[Outcome, ...]:
        def noted(batch: Batch, timeout: float) -> Receipt:
            self.calls.append((batch.wave, batch.entries[0]))
            return call(batch, timeout)

        purging = Purging(plan, noted, make_scheduler(self.clock))
        first = tuple(map(wait, purging.run(self.told.append, wave=FIRST)))
        return purging.run(self.told.append, wave=SECOND, earlier=first)


@pytest.fixture
def waves(clock: FakeClock) -> Waves:
    return Waves(clock)


def done(outcome: Outcome) -> Outcome:
    return replace(outcome, state="done") if outcome.state == "accepted" else outcome


def test_a_wave_is_purged_after_the_other_whatever_came_of_that(waves: Waves) -> None:
    def refuse(batch: Batch, _timeout: float) -> Receipt:
        raise ApiError(Failure.REJECTED, "no")

    outcomes = waves.run(at("0", refuse), wait=done)
    assert [wave for wave, _ in waves.calls] == [1, 1, 2, 2, 2]
    assert [outcome.number for outcome in outcomes] == [1, 2, 3, 4, 5]
    assert [outcome.state for outcome in outcomes] == ["failed", "done", "accepted", "accepted", "accepted"]
    assert [outcome.number for outcome in waves.told] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("failure", [Failure.HOST, Failure.AUTH, Failure.NO_NAME])
def test_what_one_wave_was_refused_the_next_does_not_ask_for(waves: Waves, failure: Failure) -> None:
    def refuse(_batch: Batch, _timeout: float) -> Receipt:
        raise ApiError(failure, "no")

    assert {outcome.state for outcome in waves.run(refuse)} == {"failed"}
    assert {wave for wave, _ in waves.calls} == {1}


def test_a_host_that_one_wave_took_apart_stays_in_one_piece_in_the_next(waves: Waves) -> None:
    def refuse(_batch: Batch, _timeout: float) -> Receipt:
        raise ApiError(Failure.CONTENT, "not here")

    first, second = batches_of("a.example", 2)
    outcomes = waves.run(refuse, plan=Plan((first, replace(second, wave=2))))
    assert [len(outcome.entries) for outcome in outcomes] == [1] * 10 + [10]
    assert [wave for wave, _ in waves.calls].count(2) == 1


def test_a_stop_between_the_waves_names_what_the_second_did_not_send(waves: Waves) -> None:
    def stop(outcome: Outcome) -> Outcome:
        waves.clock.stop()
        return outcome

    outcomes = waves.run(accept, wait=stop)
    assert [outcome.state for outcome in outcomes] == ["accepted"] * 2 + ["failed"] * 3
    assert {str(outcome.error) for outcome in outcomes[2:]} == {"not sent: the run was cancelled"}
    assert {wave for wave, _ in waves.calls} == {1}


@pytest.mark.parametrize(
    ("twice", "states", "told"),
    [
        pytest.param("13", "done partial accepted partial accepted", [2, 4], id="in both"),
        pytest.param("134", "done partial accepted partial partial", [2, 4, 5], id="more than once in the second"),
        pytest.param("01", "partial partial accepted accepted accepted", [1, 2], id="in the first alone, told once"),
    ],
)
def test_a_req_id_that_comes_again_in_another_wave_is_believed_of_neither(
    waves: Waves, twice: str, states: str, told: list[int]
) -> None:
    outcomes = waves.run(at(twice, lambda _batch, _timeout: Receipt("one")), wait=done)
    assert [outcome.state for outcome in outcomes] == states.split()
    assert [outcome.number for outcome in waves.told if outcome.state == "partial"] == told


class WatchedClock(FakeClock):
    """A clock that tells when the main thread has looked at it three times, long after the others came to rest."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = -1  # the first look makes the end
        self.at_rest = threading.Event()

    def now(self) -> float:
        self.looks += threading.current_thread() is threading.main_thread()
        if self.looks == 3:
            self.at_rest.set()
        return super().now()


def test_a_batch_that_waits_to_be_taken_apart_was_refused() -> None:
    """Nothing of it is under way: that it may have been accepted would not be true."""
    clock = WatchedClock()
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

    plan = Plan(tuple(batches_of("a.example", 2)))
    outcomes = Purging(plan, call, make_scheduler(clock, concurrency=2)).run(lambda _outcome: None)
    released.set()
    assert {(outcome.is_doubtful, outcome.state) for outcome in outcomes} == {(True, "failed"), (False, "failed")}
    assert "no" in {str(outcome.error) for outcome in outcomes}


def batches_of(host: str, number: int, *, size: int = 10) -> list[Batch]:
    return [Batch("urls", host, tuple(f"http://{host}/{first}/{n}" for n in range(size))) for first in range(number)]


def entries_of(*batches: Batch | Outcome) -> list[str]:
    return [entry for batch in batches for entry in batch.entries]


ENTRIES = batches_of("a.example", 1)[0].entries


class Api:
    """Refuses every batch that holds a culprit, with the words of the first one of them."""

    def __init__(self, culprits: Iterable[str], *, failure: Failure = Failure.CONTENT, wordy: bool = False) -> None:
        self.culprits = frozenset(culprits)
        self.failure = failure
        self.wordy = wordy
        self.calls: list[tuple[str, ...]] = []

    def call(self, batch: Batch, _timeout: float) -> Receipt:
        self.calls.append(batch.entries)
        bad = [entry for entry in batch.entries if entry in self.culprits]
        if bad:
            raise ApiError(self.failure, bad[0].rpartition("/")[0] if self.wordy else "bad")
        return Receipt(f"id-{len(self.calls)}-{batch.entries[0]}")

    def submit(self, batches: list[Batch], *, concurrency: int = 1) -> tuple[Outcome, ...]:
        """Purge batches, the first of them at the worst moment: all are refused before one learns."""
        first_calls = threading.Barrier(concurrency, timeout=20)

        def call(batch: Batch, timeout: float) -> Receipt:
            if batch in batches[:concurrency]:
                first_calls.wait()
            return self.call(batch, timeout)

        scheduler = make_scheduler(FakeClock(), retries=0, concurrency=concurrency)
        outcomes = Purging(Plan(tuple(batches)), call, scheduler).run(lambda _outcome: None)
        assert entries_of(*outcomes) == entries_of(*batches)  # each has one end
        assert not self.culprits & {*entries_of(*taken(outcomes))}
        return outcomes


def taken(outcomes: Iterable[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.state == "accepted"]


@given(
    st.lists(st.sampled_from(ENTRIES), min_size=1, max_size=10, unique=True), st.frozensets(st.sampled_from(ENTRIES))
)
def test_exactly_the_culprits_are_left(entries: list[str], culprits: frozenset[str]) -> None:
    api = Api(culprits)
    outcomes = api.submit([Batch("urls", "a.example", tuple(entries))])
    refused = [outcome.entries for outcome in outcomes if outcome.error]
    assert refused == [(entry,) for entry in entries if entry in culprits]
    accepted = [entry for call in api.calls if not culprits & set(call) for entry in call]
    assert len(accepted) == len(set(accepted))
    assert len(api.calls) <= 2 * len(entries)


@pytest.mark.parametrize(
    ("culprits", "calls"),
    [([], 1), ([0], 7), ([9], 6), ([4], 7), ([*range(10)], 19)],
    ids=["none", "the first", "the last", "one amid", "all"],
)
def test_few_calls_are_made(culprits: list[int], calls: int) -> None:
    api = Api(ENTRIES[number] for number in culprits)
    api.submit(batches_of("a.example", 1))
    assert len(api.calls) == calls


@pytest.mark.parametrize(
    "failure", [one for one in Failure if one is not Failure.CONTENT], ids=lambda failure: failure.name
)
def test_what_is_refused_for_another_reason_stays_whole(failure: Failure) -> None:
    api = Api(ENTRIES, failure=failure)
    assert [outcome.entries for outcome in api.submit(batches_of("a.example", 1))] == [ENTRIES]
    assert len(api.calls) == 1


@pytest.mark.parametrize("concurrency", [1, 4, 10])
def test_a_host_that_is_refused_as_a_whole_is_taken_apart_once(concurrency: int) -> None:
    batches = batches_of("a.example", 10)
    api = Api(entries_of(*batches))
    outcomes = api.submit(batches, concurrency=concurrency)
    assert len(api.calls) == 10 + 18
    assert {str(outcome.error) for outcome in outcomes} == {"bad"}


A1, A2, A3, A4 = batches_of("a.example", 4)
B1, B2, B3, B4 = batches_of("b.example", 4)


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize(
    ("batches", "bad"),
    [
        pytest.param([A1, A2, A3, A4, B1, B2, B3, B4], [*entries_of(A1, A2, A3, A4), B3.entries[3]], id="one host"),
        pytest.param([*batches_of("a.example", 1, size=2), A2, A3, A4], [*A1.entries[:2], A2.entries[5]], id="two"),
        pytest.param([*batches_of("a.example", 1, size=4), A2, A3, A4], [*A1.entries[:4], A2.entries[5]], id="four"),
        pytest.param([A1, A2, A3, A4], [*A1.entries, A3.entries[5]], id="a host that took something"),
        pytest.param([A1, A2, A3, A4], [A1.entries[5], *A2.entries, A3.entries[5]], id="a host that took a part"),
    ],
)
def test_nothing_else_is_refused_with_what_is_bad(batches: list[Batch], bad: list[str], concurrency: int) -> None:
    outcomes = Api(bad).submit(batches, concurrency=concurrency)
    assert [entry for entry in entries_of(*batches) if entry not in bad] == entries_of(*taken(outcomes))


def test_other_words_are_another_refusal() -> None:
    outcomes = Api([*A1.entries, A2.entries[5]], wordy=True).submit([A1, A2])
    assert entries_of(*taken(outcomes)) == [entry for entry in A2.entries if entry != A2.entries[5]]


@given(bad=st.frozensets(st.integers(0, 49)), concurrency=st.integers(1, 5))
@settings(max_examples=30)
def test_whatever_is_bad_each_entry_has_one_end(bad: frozenset[int], concurrency: int) -> None:
    batches = batches_of("a.example", 5)
    entries = entries_of(*batches)
    culprits = frozenset(entries[number] for number in bad)
    outcomes = Api(culprits).submit(batches, concurrency=concurrency)
    if not any(culprits.issuperset(batch.entries) for batch in batches):
        assert {*entries_of(*taken(outcomes))} == {*entries} - culprits
