"""The whole CDN on loopback, put together: origin, edges and API on three ports, for as long as it is entered."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from functools import partial
from math import inf
from pathlib import Path

from sandbox.accounts import Account
from sandbox.answers import Shape
from sandbox.api import EVERYDAY_SERVICE, PURGE, Api, Service
from sandbox.clock import Clock, steady_clock
from sandbox.faults import Fault, Script
from sandbox.keys import Key, key_of_url, split_url, without_port
from sandbox.listener import Listener, Opened, serve_replies
from sandbox.network import Network, Reception
from sandbox.origin import Origin
from sandbox.record import Call, Record, most_at_once, repeated_entries
from sandbox.switchboard import Switchboard
from sandbox.varnish import EdgeKind
from sandbox.wire import Reply, Request, fetch


class Sandbox(Opened):
    """A ZT CDN in front of a folder; its addresses are there while it is entered.

    `edges` are the addresses that have one, if there are more than `bind`; a purge takes effect at each after its
    `propagation`, or after the one for all. With `varnish` for an `edge` visitors meet a real cache, whose time is real
    whatever the clock says, and which notes no visits, nor ever is `busy`. A `serial` API
    takes one call at a time, those that nobody waits for any more included, as the vendor's sample server does.
    `projects` has the ids of the account's projects that a host stands in; without any it is in the one that the
    account has.
    """

    def __init__(  # noqa: PLR0913  each is a setting of its own
        self,
        folder: str | Path,
        *,
        hosts: Iterable[str] = ("127.0.0.1", "localhost"),
        projects: Mapping[str, Iterable[str]] | None = None,
        token: str = "",
        shape: Shape = "documented",
        latency: float = 0.0,
        serial: bool = False,
        propagation: float | Sequence[float] = 0.0,
        visit_latency: float = 0.0,
        faults: Iterable[Fault] = (),
        username: str = "",
        password: str = "",
        token_lifetime: float = 86400.0,
        bind: str = "127.0.0.1",
        api_port: int = 0,
        edge_port: int = 0,
        origin_port: int = 0,
        edge: EdgeKind = "sandbox",
        edges: Sequence[str] = (),
        service: Service = EVERYDAY_SERVICE,
        clock: Clock | None = None,
        on_call: Callable[[Call], None] | None = None,
    ) -> None:
        clock = clock or steady_clock()
        hosts = tuple(hosts)
        account = Account(
            hosts=hosts,
            projects=projects or {},
            token=token,
            username=username,
            password=password,
            token_lifetime=token_lifetime,
            clock=clock,
        )
        self._closing = threading.Event()
        self._script = Script()
        self._record = Record(on_call)
        self._reception = Reception(self._script, latency=visit_latency, closing=self._closing)
        self._origin = Origin(Path(folder), clock)
        listen = partial(Listener, bind=bind)
        self._origin_listener = listen(serve_replies(self._origin.answer), port=origin_port)
        addresses = tuple(edges) or (bind,)
        self._network = Network(
            edge,
            addresses=addresses,
            port=edge_port,
            propagation=(propagation,) * len(addresses) if isinstance(propagation, int | float) else propagation,
            origin=self._origin,
            fetch=self._fetch_from_origin,
            hosts=[without_port(host).lower() for host in hosts],
            reception=self._reception,
            clock=clock,
        )
        self._kind = edge
        self.add_faults(*faults)
        switchboard = Switchboard(
            Api(account, self._network, shape=shape, clock=self._network.settled_clock, service=service).answer,
            script=self._script,
            record=self._record,
            shape=shape,
            latency=latency,
            closing=self._closing,
            settle=self._network.settle,
            turn=threading.Lock() if serial else nullcontext(),
        )
        self._api_listener = listen(switchboard.serve, port=api_port)

    def open_parts(self, stack: ExitStack) -> None:
        """Enter each part on the stack."""
        stack.callback(self._origin.release)
        stack.enter_context(self._origin_listener)
        stack.enter_context(self._network)
        stack.enter_context(self._api_listener)
        stack.callback(self._closing.set)  # first of all at the end: whoever waits goes home

    @property
    def api_url(self) -> str:
        """Where the API listens."""
        return self._api_listener.url

    @property
    def edge_url(self) -> str:
        """Where visitors are served, by the first edge; the Host header chooses the site."""
        return self.edge_urls[0]

    @property
    def edge_urls(self) -> tuple[str, ...]:
        """Where each edge serves visitors."""
        return tuple(self._network.door(edge).url for edge in self.edges)

    @property
    def edges(self) -> tuple[str, ...]:
        """The addresses of the edges, which all have one port."""
        return self._network.addresses

    @property
    def origin_url(self) -> str:
        """Where the folder is served, uncached."""
        return self._origin_listener.url

    @property
    def calls(self) -> tuple[Call, ...]:
        """Every call to the API in order of arrival, those under way included."""
        return self._record.calls

    @property
    def purge_calls(self) -> tuple[Call, ...]:
        """The calls to `/cdn_api/purge`."""
        return tuple(call for call in self.calls if call.path.partition("?")[0] == PURGE)

    @property
    def visits(self) -> tuple[Call, ...]:
        """Every visit to an edge, those of `get` included; headers tell who came."""
        return self._reception.record.calls

    @property
    def most_at_once(self) -> int:
        """How many calls to the API were under way at the busiest moment."""
        return most_at_once(self.calls)

    @property
    def repeated(self) -> tuple[str, ...]:
        """The entries that were sent again although the API had confirmed them."""
        return repeated_entries(self.calls)

    def add_faults(self, *faults: Fault) -> None:
        """Append faults to the script; raise ValueError if there is no such edge, or it cannot have one."""
        for fault in faults:
            if fault.edge and fault.edge not in self.edges:
                raise ValueError(f"fault {fault.kind}: no edge is at {fault.edge}, but at {', '.join(self.edges)}")
            if fault.kind == "busy" and self._kind == "varnish":
                raise ValueError("fault busy: Varnish never is")
        self._script.add(faults)

    def clear_faults(self) -> None:
        """Take back the faults that have not happened yet."""
        self._script.clear()

    def wait_for_calls(self, count: int, *, timeout: float = 30.0) -> bool:
        """Wait until so many calls to the API have arrived, and tell whether they did in time."""
        return self._record.wait_for(count, timeout=timeout)

    def hold_origin(self, *, seconds: float = inf, answers: float = inf) -> None:
        """Have the origin serve the folder as it is now, for so long, for so many answers, or until it is released."""
        self._origin.hold(seconds=seconds, answers=answers)

    def release_origin(self) -> None:
        """Have the origin serve what is in the folder."""
        self._origin.release()

    def get(self, url: str, *, method: str = "GET", edge: str = "") -> Reply:
        """Ask an edge, the first if none is named, for a URL, its path and query as they stand."""
        host, target = split_url(url)
        return fetch(self._network.door(edge or self.edges[0]).address, host=host, target=target, method=method)

    def get_from_origin(self, url: str) -> Reply:
        """Ask the origin for a URL, past the edge."""
        return self._fetch_from_origin(key_of_url(url))

    def get_from_folder(self, url: str) -> Reply:
        """Return what the origin says of a URL, or will say once it is released."""
        return self._origin.answer_from_folder(Request("GET", key_of_url(url).target))

    def is_cached(self, url: str, *, edge: str = "") -> bool:
        """Tell whether an edge, the first if none is named, would answer a URL from its cache."""
        return self._network.is_cached(key_of_url(url), edge=edge or self.edges[0])

    def _fetch_from_origin(self, key: Key) -> Reply:
        return fetch(self._origin_listener.address, host=key.host, target=key.target)
