"""The CDN's edges, each with an address and a cache of its own: who visits them, and how a purge gets to all of them.

What an edge answers is left to `edge.py` or Varnish.
"""

import secrets
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from functools import partial

from sandbox.cache import Cache
from sandbox.clock import Clock
from sandbox.edge import Edge
from sandbox.faults import Fault, Script
from sandbox.keys import Key
from sandbox.listener import Listener, Opened, serve_replies
from sandbox.origin import Origin
from sandbox.record import Record
from sandbox.scripted import busy_reply
from sandbox.tier import Tier
from sandbox.varnish import EdgeKind, VarnishEdge
from sandbox.wire import Reply, Request

EVERYDAY_ADDRESS, SIX = "127.0.0.1", "::1"


class Reception:
    """Receives each visitor of the sandbox's own edges: notes the visit, and answers those who are to come later."""

    def __init__(self, script: Script, *, latency: float, closing: threading.Event) -> None:
        self.record = Record()
        self._script = script
        self._latency = latency
        self._closing = closing

    def receive(self, request: Request, *, edge: str, answer: Callable[[Request], Reply]) -> Reply:
        """Return the answer of the edge at an address, or of the fault that the script holds for the visit."""
        number = self.record.begin(request, edge=edge)
        fault = self._script.take(lambda fault: fault.fits_visit(edge, request.target))
        reply = answer(request) if fault is None else busy_reply(fault)
        self._closing.wait(self._latency)
        self.record.end(number, status=reply.status, req_id=None)
        return reply


class Network(Opened):
    """Edges of one kind, at the same port of their addresses; a purge gets to each after its own `propagation`."""

    def __init__(  # noqa: PLR0913  each is a setting of the sandbox
        self,
        kind: EdgeKind,
        *,
        addresses: Sequence[str],
        port: int,
        propagation: Sequence[float],
        origin: Origin,
        fetch: Callable[[Key], Reply],
        hosts: Iterable[str],
        reception: Reception,
        clock: Clock,
    ) -> None:
        self._clock = clock
        if len(propagation) != len(addresses):
            raise ValueError(f"propagation: {len(propagation)} times for {len(addresses)} edges")
        self._propagation = dict(zip(addresses, propagation, strict=True))
        self._caches = {address: Cache(clock) for address in addresses}
        self._edges: dict[str, Edge | VarnishEdge] = {}
        self._doors: dict[str, tuple[Listener | VarnishEdge, ...]] = {}
        doors = {address: _doors(address) for address in addresses}
        listened = [door for several in doors.values() for door in several]
        port = port or (pick_port(listened) if len(listened) > 1 else 0)
        known = frozenset(hosts)
        for number, (address, cache) in enumerate(self._caches.items(), 1):
            name = f"edge-{number}"
            if kind == "varnish":
                tier = Tier(cache, fetch=lambda key: origin.answer(Request("GET", key.target)))
                varnish = VarnishEdge(
                    cache, name=name, fetch=tier.fetch, hosts=known, binds=doors[address], port=port, clock=clock
                )
                self._edges[address], self._doors[address] = varnish, (varnish,)
            else:
                tier = Tier(cache, fetch=fetch)
                edge = Edge(cache, name=name, fetch=tier.fetch, hosts=known)
                serve = serve_replies(partial(reception.receive, edge=address, answer=edge.answer))
                self._edges[address] = edge
                self._doors[address] = tuple(Listener(serve, bind=bind, port=port) for bind in doors[address])

    def open_parts(self, stack: ExitStack) -> None:
        """Enter each part on the stack."""
        for doors in self._doors.values():
            for door in doors:
                stack.enter_context(door)

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses of the edges, as they were given."""
        return tuple(self._edges)

    @property
    def longest_propagation(self) -> float:
        """How long a purge takes to get to the last edge."""
        return max(self._propagation.values())

    def door(self, address: str) -> Listener | VarnishEdge:
        """Return where visitors reach an edge."""
        return self._doors[address][0]

    def is_cached(self, key: Key, *, edge: str) -> bool:
        """Tell whether the next visitor of an edge would be answered from its cache."""
        return self._edges[edge].is_cached(key)

    def order(self, kind: str, keys: Iterable[Key], *, now: float, fault: Fault | None) -> None:
        """Send a purge or a prefetch on its way to each edge, less those that a fault keeps from it."""
        keys = tuple(keys)
        for address, cache in self._caches.items():
            its_fault = fault if fault is not None and fault.edge in {"", address} else None
            if its_fault is None or its_fault.kind != "lost":
                cache.order(kind, keys, due=now + self._propagation[address], fault=its_fault)

    def settle(self) -> None:
        """Bring each edge up to date: when this returns, all that is due has been done."""
        for edge in self._edges.values():
            edge.settle()

    def settled_clock(self) -> float:
        """Tell the time once each edge is up to date with it, so that a task is not done before its purge is."""
        now = self._clock()
        self.settle()
        return now


def _doors(address: str) -> tuple[str, ...]:
    """Return where an edge listens: whoever asks for `localhost` may come by IPv6."""
    if address == EVERYDAY_ADDRESS and SIX in {found[4][0] for found in socket.getaddrinfo("localhost", None)}:
        with suppress(OSError), socket.create_server((SIX, 0), family=socket.AF_INET6):
            return address, SIX
    return (address,)


def pick_port(addresses: Sequence[str]) -> int:
    """Return a port that is free at each address; raise OSError if there is none.

    It lies below those that the system gives to clients, as Varnish takes a while before it listens.
    """
    problem = None
    for _ in range(20):
        port = 20000 + secrets.randbelow(12000)
        try:
            with ExitStack() as stack:
                for address in addresses:
                    family = socket.AF_INET6 if ":" in address else socket.AF_INET
                    stack.enter_context(socket.create_server((address, port), family=family))
                return port
        except OSError as error:
            problem = error
    raise OSError(f"no port is free at each of {', '.join(addresses)}: {problem}")
