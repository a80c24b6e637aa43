"""The calls that the API got, or the visits to edges, kept in order of arrival, for tests to ask about."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from sandbox.submissions import Kind, record_of
from sandbox.wire import Headers, Request


@dataclass(frozen=True, slots=True)
class Call:
    """One call, or one visit to the edge with the address `edge`: what was sent, and what came of it.

    `status` is None while the call is under way, and stays None when no whole answer was sent;
    `req_id` is that of the task which the call made, told to the client or not.
    """

    method: str
    path: str
    headers: Headers = field(repr=False)  # the token is in there
    body: bytes = field(repr=False)  # and here the password
    kind: Kind
    entries: tuple[str, ...]
    started: float
    ended: float | None = None
    status: int | None = None
    req_id: str | None = None
    edge: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the client was told that its entries are taken care of."""
        return self.status == 200 and self.req_id is not None


class Record:
    """All calls so far."""

    def __init__(self, on_call: Callable[[Call], None] | None = None) -> None:
        self._lock = threading.Condition()
        self._calls: list[Call] = []
        self._on_call = on_call

    def begin(self, request: Request, *, edge: str = "") -> int:
        """Note a call that has arrived, or a visit to an edge, and return its number."""
        submission = record_of(request.body)
        call = Call(
            request.method,
            request.target.decode("latin-1"),
            headers=request.headers,
            body=request.body,
            kind=submission.kind,
            entries=submission.entries,
            started=time.monotonic(),
            edge=edge,
        )
        with self._lock:
            self._calls.append(call)
            self._lock.notify_all()
            return len(self._calls) - 1

    def end(self, number: int, *, status: int | None, req_id: str | None) -> None:
        """Note what came of a call: before its last byte is sent, so that whoever got the answer finds it here."""
        with self._lock:
            call = replace(self._calls[number], ended=time.monotonic(), status=status, req_id=req_id)
            self._calls[number] = call
        if self._on_call is not None:
            self._on_call(call)

    def wait_for(self, count: int, *, timeout: float) -> bool:
        """Wait until so many calls have arrived, and tell whether they did in time."""
        with self._lock:
            return self._lock.wait_for(lambda: len(self._calls) >= count, timeout)

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls in order of arrival, those under way included."""
        with self._lock:
            return tuple(self._calls)


def most_at_once(calls: Iterable[Call]) -> int:
    """Return how many calls were under way at the busiest moment, as the server saw it."""
    moments = []
    for call in calls:
        moments.append((call.started, 1))
        if call.ended is not None:
            moments.append((call.ended, -1))
    under_way = most = 0
    for _, step in sorted(moments):  # at the same moment, ends come first
        under_way += step
        most = max(most, under_way)
    return most


def repeated_entries(calls: Iterable[Call]) -> tuple[str, ...]:
    """Return the entries that came again after a client was told that they are taken care of."""
    confirmed: set[tuple[str, str, str]] = set()
    again = []
    for call in calls:
        marks = {(call.path, call.kind, entry): entry for entry in call.entries}
        again += [entry for mark, entry in marks.items() if mark in confirmed]
        if call.accepted:
            confirmed |= marks.keys()
    return tuple(again)
