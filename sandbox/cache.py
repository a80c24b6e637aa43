"""The edge's store, and the purges on their way to it, which take effect by the clock when somebody looks.

Fetching is left to the edge, and what a URL means to the keys; Varnish as the edge keeps entries of its own.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sandbox.clock import Clock
from sandbox.faults import Fault
from sandbox.keys import Key
from sandbox.wire import Reply


@dataclass(frozen=True, slots=True)
class Entry:
    """An object in the cache, and since when."""

    reply: Reply
    stored_at: float


@dataclass(frozen=True, slots=True)
class Order:
    """Keys to drop or to pull in from a moment on; the keys of a `dirs` order are prefixes.

    `fault`: what goes wrong afterwards.
    """

    kind: str
    keys: tuple[Key, ...]
    due: float
    fault: Fault | None = None

    def covers(self, key: Key) -> bool:
        """Tell whether an object is meant."""
        if self.kind == "dirs":
            return any(key.host == folder.host and key.target.startswith(folder.target) for folder in self.keys)
        return key in self.keys


class Cache:
    """Entries that stay until a purge of them has taken effect.

    `on_order` is called after each order: for a store elsewhere, which does not ask by itself.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: dict[Key, Entry] = {}
        self._pending: list[Order] = []
        self._applied: list[Order] = []
        self._wanted: dict[Key, None] = {}
        self.on_order: Callable[[], None] = lambda: None

    def order(self, kind: str, keys: Iterable[Key], *, due: float, fault: Fault | None = None) -> None:
        """Take a purge (`urls`, `dirs`) or a `prefetch` that takes effect at a moment."""
        with self._lock:
            self._pending.append(Order(kind, tuple(keys), due=due, fault=fault))
            self._pending.sort(key=lambda order: order.due)
        self.on_order()

    def next_due(self) -> float | None:
        """Return when the next order takes effect, if there is one."""
        with self._lock:
            self._settle()
            return self._pending[0].due if self._pending else None

    def purges_since(self, ticket: int) -> tuple[Order, ...]:
        """Return the purges that have taken effect since a ticket was given out, or all of them for 0."""
        with self._lock:
            self._settle()
            return tuple(self._applied[ticket:])

    def look_up(self, key: Key) -> Entry | None:
        """Return what is cached now."""
        with self._lock:
            self._settle()
            return self._entries.get(key)

    def age(self, entry: Entry) -> int:
        """Return for how many whole seconds an entry has been kept."""
        return max(0, int(self._clock() - entry.stored_at))

    def begin_fetch(self) -> int:
        """Return the ticket of a fetch that starts now, to be shown when its result is stored."""
        with self._lock:
            self._settle()
            return len(self._applied)

    def store(self, key: Key, reply: Reply, *, ticket: int) -> bool:
        """Keep an answer, unless a purge of it took effect since its fetch began: it may be the old content."""
        with self._lock:
            self._settle()
            if any(order.covers(key) for order in self._applied[ticket:]):
                return False
            self._entries[key] = Entry(reply, self._clock())
            return True

    def take_wanted(self) -> tuple[Key, ...]:
        """Hand out, once, the keys of due prefetches that are not in the cache."""
        with self._lock:
            self._settle()
            wanted = tuple(key for key in self._wanted if key not in self._entries)
            self._wanted.clear()
            return wanted

    def _settle(self) -> None:
        now = self._clock()
        while self._pending and self._pending[0].due <= now:
            order = self._pending.pop(0)
            if order.kind == "prefetch":
                self._wanted.update(dict.fromkeys(order.keys))
                continue
            self._applied.append(order)
            self._entries = {key: entry for key, entry in self._entries.items() if not order.covers(key)}
            self._wanted = {key: None for key in self._wanted if not order.covers(key)}
