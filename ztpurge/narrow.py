"""A batch that was refused for its content -> which of its entries are at fault, with as few calls as that takes.

One bad URL must not spoil nine: halves are tried until the culprits are alone. Where one half went through, the
other must hold one, so that it need not be tried as a whole.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ztpurge.errors import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ztpurge.answers import Receipt
    from ztpurge.plan import Batch
    from ztpurge.retry import Attempted


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
