"""Several calls at once; the one place that knows of threads."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")
R = TypeVar("R")
_GLANCE = 0.1  # seconds between two looks at whether to give up


def as_completed(
    work: Callable[[T], R], items: Sequence[T], *, concurrency: int, give_up: Callable[[], bool]
) -> Iterator[tuple[int, R]]:
    """Yield (index, `work(item)`) as they finish, `concurrency` at once, until all have or `give_up` says so.

    What is unfinished then is left to threads that do not keep the process alive. An exception of `work` is raised
    here.
    """
    todo = iter(enumerate(items))
    lock = threading.Lock()
    finished: queue.SimpleQueue[tuple[int, Callable[[], R]]] = queue.SimpleQueue()

    def labour() -> None:
        while True:
            with lock:
                taken = next(todo, None)
            if taken is None:
                return
            finished.put((taken[0], _result_of(work, taken[1])))

    for number in range(min(concurrency, len(items))):
        threading.Thread(target=labour, name=f"call-{number + 1}", daemon=True).start()
    for _ in items:
        try:
            index, result = _next(finished, give_up)
        except queue.Empty:
            return
        yield index, result()


def _result_of(work: Callable[[T], R], item: T) -> Callable[[], R]:
    try:
        value = work(item)
    except BaseException as error:  # noqa: BLE001 - raised again in the thread that asked
        caught = error

        def fail() -> R:
            raise caught

        return fail
    return lambda: value


def _next(finished: queue.SimpleQueue[T], give_up: Callable[[], bool]) -> T:
    while True:
        try:
            return finished.get(timeout=_GLANCE)
        except queue.Empty:
            if give_up():
                raise
