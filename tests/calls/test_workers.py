"""Work is done several at a time, and each result or exception reaches the one who asked."""

from __future__ import annotations

import threading

import pytest

from ztpurge.calls.workers import as_completed


def never() -> bool:
    return False


@pytest.mark.parametrize("concurrency", [1, 3, 100])
def test_each_item_is_worked_on_once(concurrency: int) -> None:
    results = dict(as_completed(lambda item: item * 2, range(20), concurrency=concurrency, give_up=never))
    assert results == {index: index * 2 for index in range(20)}


def test_no_items_no_results() -> None:
    assert list(as_completed(str, (), concurrency=4, give_up=never)) == []


def test_as_many_at_once_as_asked() -> None:
    meeting = threading.Barrier(4, timeout=20)  # broken unless four are there at the same time
    results = as_completed(lambda _: meeting.wait() >= 0, range(8), concurrency=4, give_up=never)
    assert [met for _, met in results] == [True] * 8


def test_results_come_as_they_finish() -> None:
    first_may_end = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            first_may_end.wait(20)
        return item

    order = []
    for index, _ in as_completed(work, range(3), concurrency=2, give_up=never):
        order.append(index)
        if len(order) == 2:
            first_may_end.set()
    assert order == [1, 2, 0]


def test_an_exception_is_raised_where_the_work_was_asked_for() -> None:
    def work(item: int) -> int:
        return 1 // item

    with pytest.raises(ZeroDivisionError):
        list(as_completed(work, [0], concurrency=1, give_up=never))


def test_giving_up_leaves_what_is_unfinished() -> None:
    released = threading.Event()

    def work(item: int) -> int:
        if item == 1:
            released.wait(20)
        return item

    finished = dict(as_completed(work, range(2), concurrency=2, give_up=lambda: True))
    released.set()
    assert finished == {0: 0}
