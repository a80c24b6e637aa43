"""The tier between an edge and the origin: it knows the last copy that the edge got, and may hand that out once more.

What is purged when is left to the edge's cache, which tells of it.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from sandbox.cache import Cache
from sandbox.keys import Key
from sandbox.wire import Headers, Reply

NOT_TO_KEEP = ("Surrogate-Control", "no-store")  # for the edge, which takes it off


@dataclass(slots=True)
class Old:
    """The copy from before a purge, and how many new ones are answered with before it comes back."""

    copy: Reply
    answers: int


class Tier:
    """Passes on what the origin answers, but for what is to come back.

    Until an old copy does, the edge keeps nothing under its key: so each answer with the new one can be counted.
    """

    def __init__(self, cache: Cache, *, fetch: Callable[[Key], Reply]) -> None:
        self._cache = cache
        self._fetch = fetch
        self._lock = threading.Lock()
        self._ticket = 0
        self._last: dict[Key, Reply] = {}
        self._old: dict[Key, Old] = {}

    def fetch(self, key: Key) -> Reply:
        """Return what the edge gets for a key; raise what fetching from the origin raises."""
        with self._lock:
            self._take_purges()
            old = self._old.get(key)
            if old is not None:
                old.answers -= 1
                if old.answers < 0:
                    return old.copy
        reply = self._fetch(key)
        if old is not None:
            return replace(reply, headers=Headers((*reply.headers.pairs, NOT_TO_KEEP)))
        with self._lock:
            self._last[key] = reply
        return reply

    def _take_purges(self) -> None:
        orders = self._cache.purges_since(self._ticket)
        self._ticket += len(orders)
        for order in orders:
            for key, copy in self._last.items():
                if order.covers(key):
                    self._old.pop(key, None)
                    if order.fault is not None and order.fault.match.encode() in key.target:
                        self._old[key] = Old(copy, order.fault.answers)
