"""A batch that was refused for its content -> which of its entries are at fault, with as few calls as that takes.

One bad URL must not spoil nine: halves are tried until the culprits are alone. Where one half went through, the
other must hold one, so that it need not be tried as a whole. Where all of a batch were refused with the same words,
the whole host is: its other batches are not taken apart.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from ztpurge.cdn.plan import BATCH_SIZE
from ztpurge.errors import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ztpurge.calls.retry import Attempted
    from ztpurge.cdn.answers import Receipt
    from ztpurge.cdn.plan import Batch, Kind
    from ztpurge.errors import ApiError


_Site = tuple[str, "Kind"]
_TELLING = BATCH_SIZE // 2  # entries: two bad ones together say nothing of a host


class Narrowing:
    """Takes batches apart: of a host the first one alone, so that the others can learn from what comes of it.

    `waiting` has the batches that were refused and wait for that, each with its refusal.
    """

    def __init__(self, attempt: Callable[[Batch], Attempted[Receipt]]) -> None:
        self.waiting: dict[Batch, ApiError] = {}
        self._attempt = attempt
        self._turns: defaultdict[_Site, threading.Lock] = defaultdict(threading.Lock)
        self._refused: dict[_Site, str] = {}  # with which words, whatever it was asked for
        self._open: set[_Site] = set()  # took something

    def narrow(self, batch: Batch, ended: Attempted[Receipt]) -> Iterator[tuple[Batch, Attempted[Receipt]]]:
        """Yield as `narrow` does; a batch of a host that is refused as a whole comes in one piece."""
        site = batch.host, batch.kind
        if ended.value:
            self._open.add(site)
        if ended.error is None or not _is_refused(ended) or len(batch.entries) == 1:
            yield batch, ended
            return
        self.waiting[batch] = ended.error
        with self._turns[site]:
            del self.waiting[batch]
            if site not in self._open:
                if self._refused.get(site) == ended.error.cause:
                    yield batch, ended
                    return
                yield from self._learn(site, batch, ended)
                return
        yield from self._learn(site, batch, ended)  # most likely it holds a few culprits: no need to go one by one

    def _learn(
        self, site: _Site, batch: Batch, ended: Attempted[Receipt]
    ) -> Iterator[tuple[Batch, Attempted[Receipt]]]:
        causes: set[str | None] = set()
        for part, end in narrow(batch, ended, self._attempt):
            causes.add(end.error.cause if end.error and _is_refused(end) else None)
            if end.value:
                self._open.add(site)
            yield part, end
        cause = causes.pop()
        if cause and not causes and len(batch.entries) >= _TELLING:
            self._refused[site] = cause


def narrow(
    batch: Batch, ended: Attempted[Receipt], attempt: Callable[[Batch], Attempted[Receipt]]
) -> Iterator[tuple[Batch, Attempted[Receipt]]]:
    """Yield the batch and how it ended or, if it was refused for its content, its parts in order, each with its end."""
    if not _is_refused(ended) or len(batch.entries) == 1:
        yield batch, ended
        return
    middle = len(batch.entries) // 2
    left, right = (replace(batch, entries=part) for part in (batch.entries[:middle], batch.entries[middle:]))
    first = attempt(left)
    yield from narrow(left, first, attempt)
    known_bad = first.value is not None and len(right.entries) > 1
    yield from narrow(right, ended if known_bad else attempt(right), attempt)


def _is_refused(ended: Attempted[Receipt]) -> bool:
    return ended.error is not None and ended.error.failure is Failure.CONTENT
