"""Each item is asked after until its answer is settled, politely, and never past the end."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import FakeClock
from ztpurge.calls.rounds import Pauses, ask_in_rounds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PAUSES = Pauses(first=1.0, longest=20.0)


@dataclass(frozen=True)
class Said:
    """An answer: its number for the item, from 1, and whether it is the last word."""

    number: int
    is_settled: bool = False


class Oracle:
    """Settles each item at its given question, 0 for never; notes who was asked when, and with what in hand."""

    def __init__(self, clock: FakeClock, settles_at: dict[str, int]) -> None:
        self.clock = clock
        self.settles_at = settles_at
        self.asked: list[tuple[str, Said | None]] = []
        self.times: list[float] = []

    def __call__(self, item: str, before: Said | None) -> Said:
        number = before.number + 1 if before else 1
        self.asked.append((item, before))
        self.times.append(self.clock.now() - 1000.0)
        return Said(number, number == self.settles_at[item])


def ask(
    oracle: Callable[[str, Said | None], Said],
    items: Sequence[str],
    clock: FakeClock,
    *,
    seconds: float = 900,
    concurrency: int = 1,
    jitter: float = 1.0,
    most_rounds: int = 1_000_000,
    on_answer: Callable[[str, Said], None] = lambda _item, _answer: None,
    on_round: Callable[[int], None] = lambda _left: None,
    is_enough: Callable[[], bool] = lambda: False,
) -> tuple[Said | None, ...]:
    return ask_in_rounds(
        oracle,
        items,
        pauses=PAUSES,
        concurrency=concurrency,
        end=clock.now() + seconds,
        clock=clock,
        jitter=lambda: jitter,
        most_rounds=most_rounds,
        on_answer=on_answer,
        on_round=on_round,
        is_enough=is_enough,
    )


@pytest.mark.parametrize(
    ("number", "jitter", "seconds"),
    [
        pytest.param(1, 1.0, 1.0, id="the first"),
        pytest.param(2, 1.0, 2.0, id="twice as long"),
        pytest.param(5, 1.0, 16.0, id="the fifth"),
        pytest.param(6, 1.0, 20.0, id="the longest"),
        pytest.param(10**9, 1.0, 20.0, id="the longest for ever"),
        pytest.param(1, 0.0, 0.5, id="half, at the least"),
        pytest.param(6, 0.5, 15.0, id="spread"),
    ],
)
def test_pauses_grow_up_to_the_longest(number: int, jitter: float, seconds: float) -> None:
    assert PAUSES.after(number, jitter) == seconds


@pytest.mark.parametrize("concurrency", [1, 2, 9])
def test_each_item_is_asked_after_until_it_is_settled(clock: FakeClock, concurrency: int) -> None:
    oracle = Oracle(clock, {"a": 1, "b": 3, "c": 2})
    assert ask(oracle, ("a", "b", "c"), clock, concurrency=concurrency) == (
        Said(1, is_settled=True),
        Said(3, is_settled=True),
        Said(2, is_settled=True),
    )
    assert sorted(item for item, _ in oracle.asked) == ["a", "b", "b", "b", "c", "c"]
    assert clock.slept == [1.0, 2.0]


def test_a_question_comes_with_the_answer_before(clock: FakeClock) -> None:
    oracle = Oracle(clock, {"a": 3})
    ask(oracle, ("a",), clock)
    assert oracle.asked == [("a", None), ("a", Said(1)), ("a", Said(2))]


def test_the_same_item_twice_is_two_items(clock: FakeClock) -> None:
    answers = iter([Said(1, is_settled=True), Said(1), Said(2, is_settled=True)])
    assert ask(lambda _item, _before: next(answers), ("a", "a"), clock) == (
        Said(1, is_settled=True),
        Said(2, is_settled=True),
    )


def test_nothing_is_asked_for_no_items(clock: FakeClock) -> None:
    rounds: list[int] = []
    assert ask(Oracle(clock, {}), (), clock, on_round=rounds.append) == ()
    assert (clock.slept, rounds) == ([], [])


@pytest.mark.parametrize(
    ("seconds", "times"),
    [
        pytest.param(0.5, [0], id="no time for a second look"),
        pytest.param(1, [0], id="no time for a second look, just"),
        pytest.param(1.5, [0, 0.5], id="a last look"),
        pytest.param(10, [0, 1, 3, 7, 9], id="a last look before the pause is over"),
        pytest.param(60, [0, 1, 3, 7, 15, 31, 51, 59], id="growing pauses"),
        pytest.param(-5, [0], id="over before it began"),
    ],
)
def test_the_last_look_is_a_second_before_the_end(clock: FakeClock, seconds: float, times: list[float]) -> None:
    oracle = Oracle(clock, {"a": 0})
    (answer,) = ask(oracle, ("a",), clock, seconds=seconds)
    assert oracle.times == times
    assert answer == Said(len(times))


@given(
    seconds=st.floats(-10, 100_000),
    jitter=st.floats(0, 1),
    now=st.floats(0, 10_000_000),
    settles_at=st.dictionaries(st.text(max_size=2), st.integers(0, 9), max_size=4),
)
def test_rounds_come_to_an_end_in_time(seconds: float, jitter: float, now: float, settles_at: dict[str, int]) -> None:
    clock = FakeClock(now)
    oracle = Oracle(clock, settles_at)
    answers = ask(oracle, tuple(settles_at), clock, seconds=seconds, jitter=jitter)
    asked = [item for item, _ in oracle.asked]
    for item, answer in zip(settles_at, answers, strict=True):
        assert answer is not None
        assert answer.number == asked.count(item)
        assert answer.is_settled == (answer.number == settles_at[item])
    assert clock.now() <= max(now, now + seconds - 0.999)
    assert all(pause <= 20 for pause in clock.slept)
    # whoever is not settled was looked at near the end
    if any(answer and not answer.is_settled for answer in answers):
        assert clock.now() >= now + seconds - 1.001


@pytest.mark.parametrize("rounds", [1, 2])
def test_there_are_no_more_rounds_than_asked_for(clock: FakeClock, rounds: int) -> None:
    oracle = Oracle(clock, {"a": 0})
    assert ask(oracle, ("a",), clock, most_rounds=rounds) == (Said(rounds),)
    assert clock.slept == [1.0] * (rounds - 1)


def test_who_listens_hears_each_answer_and_how_many_are_left(clock: FakeClock) -> None:
    heard: list[tuple[str, int]] = []
    left: list[int] = []
    ask(
        Oracle(clock, {"a": 1, "b": 3, "c": 2}),
        ("a", "b", "c"),
        clock,
        on_answer=lambda item, said: heard.append((item, said.number)),
        on_round=left.append,
    )
    assert heard == [("a", 1), ("b", 1), ("c", 1), ("b", 2), ("c", 2), ("b", 3)]
    assert left == [2, 1]


def test_who_listens_does_so_in_the_thread_that_asked(clock: FakeClock) -> None:
    threads: set[threading.Thread] = set()
    ask(
        Oracle(clock, {"a": 1, "b": 1}),
        ("a", "b"),
        clock,
        concurrency=2,
        on_answer=lambda _item, _said: threads.add(threading.current_thread()),
    )
    assert threads == {threading.current_thread()}


def test_a_run_that_is_to_stop_sleeps_no_more(clock: FakeClock) -> None:
    def oracle(_item: str, before: Said | None) -> Said:
        if before:
            clock.stop()
        return Said(before.number + 1 if before else 1)

    assert ask(oracle, ("a", "b"), clock) == (Said(2), Said(2))
    assert clock.slept == [1.0]


def test_as_many_are_asked_at_once_as_allowed(clock: FakeClock) -> None:
    meeting = threading.Barrier(3, timeout=20)  # broken unless three are there at the same time
    lock = threading.Lock()
    inside = most = 0

    def oracle(_item: str, _before: Said | None) -> Said:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        meeting.wait()
        with lock:
            inside -= 1
        meeting.wait()
        return Said(1, is_settled=True)

    assert ask(oracle, ("a",) * 6, clock, concurrency=3) == (Said(1, is_settled=True),) * 6
    assert most == 3


def test_who_hangs_past_the_end_is_left_and_keeps_the_answer_before(clock: FakeClock) -> None:
    released = threading.Event()

    def oracle(item: str, before: Said | None) -> Said:
        if item == "hangs" and before:
            clock.sleep(1000)
            released.wait(20)
        return Said(before.number + 1 if before else 1, is_settled=item == "ends" and before is not None)

    answers = ask(oracle, ("ends", "hangs", "ends"), clock, concurrency=3)
    released.set()
    assert answers == (Said(2, is_settled=True), Said(1), Said(2, is_settled=True))


def test_who_never_answered_has_no_answer(clock: FakeClock) -> None:
    released = threading.Event()

    def oracle(_item: str, _before: Said | None) -> Said:
        clock.sleep(1000)
        released.wait(20)
        return Said(1)

    answers = ask(oracle, ("a", "b"), clock)
    released.set()
    assert answers == (None, None)


def test_what_goes_wrong_in_asking_is_raised(clock: FakeClock) -> None:
    def oracle(_item: str, _before: Said | None) -> Said:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ask(oracle, ("a",), clock)


def test_a_round_after_which_it_is_enough_is_the_last(clock: FakeClock) -> None:
    oracle = Oracle(clock, {"a": 0, "b": 0})
    told: list[int] = []
    ask(oracle, ["a", "b"], clock, is_enough=lambda: len(oracle.asked) >= 4, on_round=told.append)
    assert (len(oracle.asked), told, clock.slept) == (4, [2], [1.0])
