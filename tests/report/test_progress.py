"""The log of a stage that lasts: a line each, or one every few seconds; failures at once, and in sight."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from tests.tables import cases
from ztpurge.report.progress import MOST_LINES, Progress
from ztpurge.runner import Runner

if TYPE_CHECKING:
    from tests.conftest import FakeClock


def log_of(progress: tuple[int, float], clock: FakeClock, wrong: set[int] | range = range(0)) -> list[str]:
    """Return what is said of so many calls, so many seconds each, within a group."""
    total, seconds = progress
    out = io.StringIO()
    runner = Runner({}, out)
    with runner.group("t"):
        heard = Progress(total, "call", runner, clock)
        for number in range(total):
            clock.go_on(seconds)
            heard.tell(number, f"call {number}", is_wrong=number in wrong)
    return out.getvalue().splitlines()


def test_up_to_fifty_have_a_line_each(clock: FakeClock) -> None:
    lines = [f"call {number}" for number in range(MOST_LINES)]
    assert log_of((MOST_LINES, 9.0), clock) == ["::group::t", *lines, "::endgroup::"]


@cases("progress lines", {
    "in no time": ((51, 0.0), []), "within five seconds": ((1000, 0.0049), []),
    "a line every five seconds": ((120, 0.125), [
        "  40 of 120 calls after 5 s, 8.0 a second, some 10 s left",
        "  80 of 120 calls after 10 s, 8.0 a second, some 5 s left",
        "  120 of 120 calls after 15 s, 8.0 a second, some 0 s left",
    ]),
})  # fmt: skip
def test_of_more_there_is_a_line_now_and_then(clock: FakeClock, progress: tuple[int, float], lines: list[str]) -> None:
    assert log_of(progress, clock) == ["::group::t", *lines, "::endgroup::"]


@pytest.mark.parametrize("total", [3, 120])
def test_a_failure_is_told_at_once_and_ends_the_group(clock: FakeClock, total: int) -> None:
    lines = log_of((total, 0.0), clock, wrong={1})
    before, after = (["call 0"], ["call 2"]) if total == 3 else ([], [])
    assert lines == ["::group::t", *before, "::endgroup::", "call 1", *after]


def test_of_very_many_failures_the_last_are_counted(clock: FakeClock) -> None:
    _, _, *told, last = log_of((100, 0.0625), clock, wrong=range(20, 100))
    assert told == [f"call {number}" for number in range(20, 20 + MOST_LINES)]
    assert last == "  80 of 100 calls after 5 s, 16.0 a second, some 1 s left; 60 went wrong"


def test_the_parts_of_a_call_are_one_call(clock: FakeClock) -> None:
    out = io.StringIO()
    heard = Progress(100, "call", Runner({}, out), clock)
    clock.go_on(5.0)
    for _ in range(10):
        heard.tell(7, "part", is_wrong=False)
        clock.go_on(1.0)
    assert out.getvalue().splitlines() == [
        "  1 of 100 calls after 5 s, 0.2 a second, some 495 s left",
        "  1 of 100 calls after 10 s, 0.1 a second, some 990 s left",
    ]
