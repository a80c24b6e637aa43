"""A real cache as the edge: Varnish, which gets the API's orders as PURGE, BAN and GET when they are due.

Which orders there are, and when they are due, is left to the cache that the API gives them to.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Container, Iterable, Sequence
from contextlib import ExitStack, suppress
from http.client import HTTPException, HTTPResponse
from io import BufferedRWPair
from pathlib import Path
from string import ascii_letters, digits
from tempfile import TemporaryDirectory
from typing import Final, Literal, get_args

from sandbox.cache import Cache
from sandbox.clock import Clock
from sandbox.keys import Key, key_of
from sandbox.listener import EVERY_ADDRESS, Listener, Opened, serve_replies, url_of
from sandbox.wire import TIMEOUT, Reply, Request, fetch

EdgeKind = Literal["sandbox", "varnish"]
EDGES: Final[tuple[EdgeKind, ...]] = get_args(EdgeKind)

MISSING = "needs Varnish: `apt-get install varnish`"
VCL = Path(__file__).with_suffix(".vcl")
PATIENCE = 60.0  # seconds to start: Varnish has its VCL compiled by gcc
PATIENCE_AT_END = 10.0
PLAIN = frozenset(b"/" + (ascii_letters + digits).encode())
REFUSED = 400  # a URL with a space or the like: as no visitor can ask for it either, it is not in the cache


class VarnishError(OSError):
    """Varnish is not there, does not start, or refuses an order."""


def find_varnishd() -> str | None:
    """Return where Varnish is; Debian keeps it where only root's PATH leads."""
    return shutil.which("varnishd", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))


class Varnishd(Opened):
    """The process, with its temporary folder, for as long as it is entered."""

    def __init__(self, vcl: Callable[[], str], *, name: str, binds: Sequence[str], port: int) -> None:
        self._vcl = vcl
        self._name = name
        self._binds = binds
        self._port = port

    def open_parts(self, stack: ExitStack) -> None:
        """Enter each part on the stack."""
        program = find_varnishd()
        if program is None:
            raise VarnishError(MISSING)
        self._folder = Path(stack.enter_context(TemporaryDirectory(prefix="ztpurge-varnish-")))
        (self._folder / "edge.vcl").write_text(self._vcl(), encoding="ascii")
        self._line, theirs = map(stack.enter_context, socket.socketpair())
        self._line.settimeout(PATIENCE)
        with theirs, (self._folder / "stderr").open("wb") as noise:
            # Its own session, because Ctrl-C in a terminal is for the sandbox, which then ends Varnish.
            self._process = subprocess.Popen(
                self._command(program),
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=noise,
                start_new_session=True,
            )
        stack.callback(self._end)
        self._port = self._start()

    @property
    def address(self) -> tuple[str, int]:
        """Where a visitor on this machine reaches it."""
        return "127.0.0.1" if self._binds[0] in EVERY_ADDRESS else self._binds[0], self._port

    def order(self, method: str, key: Key, *, headers: Iterable[str] = ()) -> int:
        """Say something that visitors must not say, and return the status of the answer."""
        lines = [f"Host: {key.host}", *headers, "Connection: close", "", ""]
        if b"\r" in key.target or b"\n" in key.target:  # would end the request line
            return REFUSED
        head = b"%s %s HTTP/1.1\r\n%s" % (method.encode(), key.target, "\r\n".join(lines).encode())
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(TIMEOUT)
            connection.connect(str(self._folder / "orders"))
            connection.sendall(head)
            with HTTPResponse(connection, method=method) as response:
                response.begin()
                status: int = response.status
                return status

    def _command(self, program: str) -> list[str]:
        return [
            program,
            # Its command line is then on stdin, and the end of that ends it, even when the sandbox is killed.
            "-d",
            # As whoever runs the sandbox: a jail switches users, for which a container may lack the rights.
            *("-j", "none"),
            *("-n", str(self._folder / "work")),
            *("-f", str(self._folder / "edge.vcl")),
            *("-i", self._name),
            *(
                word
                for number, bind in enumerate(self._binds)
                for word in ("-a", f"visitors{number}={f'[{bind}]' if ':' in bind else bind}:{self._port}")
            ),
            *("-a", f"orders={self._folder / 'orders'},mode=600"),
            *("-s", "malloc,64m"),
            # As much as the sandbox's own servers read; the pattern of a directory is four times as long as its URL.
            *("-p", "http_req_hdr_len=256k", "-p", "http_req_size=320k"),
            *("-p", "workspace_client=1m", "-p", "workspace_backend=1m"),
            *("-p", "feature=+https_scheme"),  # whole URLs as targets, of either scheme
            *("-p", "thread_pools=1", "-p", "thread_pool_min=20", "-p", "vsl_space=1m"),
        ]

    def _start(self) -> int:
        """Wait until it takes visitors, and return their port."""
        try:
            with self._line.makefile("rwb") as line:
                _hear(line)  # its greeting
                _say(line, "start")
                addresses = _say(line, "debug.listen_address")  # answered once it accepts connections
        except (OSError, ValueError) as problem:
            self._end()
            noise = (self._folder / "stderr").read_text(encoding="utf-8", errors="replace")
            raise VarnishError(f"Varnish does not start: {problem}\n{noise}") from problem
        ports: list[str] = re.findall(r"^visitors0 \S+ (\d+)$", addresses, re.MULTILINE)
        return int(ports[0])

    def _end(self) -> None:
        self._line.close()
        try:
            self._process.wait(PATIENCE_AT_END)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)  # the child with the manager
            self._process.wait()


def _say(line: BufferedRWPair, command: str) -> str:
    line.write(f"{command}\n".encode())
    line.flush()
    return _hear(line)


def _hear(line: BufferedRWPair) -> str:
    """Read an answer of Varnish's command line: status and length in 13 bytes, the text, a line break."""
    head = line.read(13).split()
    if not head:
        raise ValueError("it has ended")
    status, length = head
    text = line.read(int(length) + 1).decode("utf-8", "replace")
    if status != b"200":
        raise ValueError(text)
    return text


class Fetches:
    """What Varnish is fetching: neither PURGE nor BAN reaches an object that is still on its way into the cache."""

    def __init__(self, fetch: Callable[[Key], Reply], *, look_up: Callable[[Key], object]) -> None:
        self._fetch = fetch
        self._look_up = look_up
        self._changed = threading.Condition()
        self._under_way: set[object] = set()

    def serve(self, connection: socket.socket) -> None:
        """Answer Varnish, and count the fetch as under way until its result is in the cache."""
        mark = object()
        keys: list[Key] = []

        def answer(request: Request) -> Reply:
            keys.append(key_of(request.headers.get("Host", ""), request.target))
            with self._changed:
                self._under_way.add(mark)
            return self._fetch(keys[-1])

        try:
            serve_replies(answer)(connection)
            for key in keys:
                # Varnish lets a look-up wait for an object that is on its way; at the end there is no Varnish to ask.
                with suppress(OSError, HTTPException):
                    self._look_up(key)
        finally:
            with self._changed:
                self._under_way.discard(mark)
                self._changed.notify_all()

    def wait(self) -> None:
        """Wait until all that is under way now is in the cache."""
        with self._changed:
            now = frozenset(self._under_way)
            if not self._changed.wait_for(lambda: now.isdisjoint(self._under_way), timeout=TIMEOUT):
                raise VarnishError("the origin keeps Varnish waiting, and what it fetches cannot be purged")


class VarnishEdge(Opened):
    """Varnish in front of an origin, kept in line with the orders that a cache takes."""

    def __init__(  # noqa: PLR0913  each is a setting of the sandbox
        self,
        cache: Cache,
        *,
        name: str,
        fetch: Callable[[Key], Reply],
        hosts: Iterable[str],
        binds: Sequence[str],
        port: int,
        clock: Clock,
    ) -> None:
        self._cache = cache
        self._clock = clock
        self._hosts = tuple(hosts)
        self._fetches = Fetches(fetch, look_up=self._look_up)
        self._backend = Listener(self._fetches.serve, bind="127.0.0.1", port=0)
        self._varnishd = Varnishd(self._write_vcl, name=name, binds=binds, port=port)
        self._lock = threading.Lock()
        self._ticket = 0
        self._ordered = threading.Event()
        self._closing = False
        self._timekeeper = threading.Thread(target=self._keep_time, daemon=True)

    def open_parts(self, stack: ExitStack) -> None:
        """Enter each part on the stack."""
        stack.enter_context(self._backend)
        stack.enter_context(self._varnishd)
        self._cache.on_order = self._take_order
        self._timekeeper.start()
        stack.callback(self._rest)

    @property
    def address(self) -> tuple[str, int]:
        """Where a visitor on this machine reaches it."""
        return self._varnishd.address

    @property
    def url(self) -> str:
        """The address as the start of a URL."""
        return url_of(self.address)

    def is_cached(self, key: Key) -> bool:
        """Tell whether the next visitor would be answered from the cache."""
        self.settle()
        return self._look_up(key)

    def settle(self) -> None:
        """Bring Varnish up to date: when this returns, all that is due has been done."""
        with self._lock:
            for order in self._cache.purges_since(self._ticket):
                self._fetches.wait()
                for key in order.keys:
                    if order.kind == "dirs":  # everything whose `x-key` begins as the directory does
                        pattern = "^" + _literally(key.host.encode() + key.target)
                        self._carry_out("BAN", Key(key.host, b"/"), headers=[f"X-Pattern: {pattern}"])
                    else:
                        self._carry_out("PURGE", key, acceptable={200, REFUSED})
                self._ticket += 1
            for key in self._cache.take_wanted():
                with suppress(ValueError):  # a prefetch of what no request line can hold
                    fetch(self.address, host=key.host, target=key.target)

    def _look_up(self, key: Key) -> bool:
        return self._carry_out("PEEK", key, acceptable={200, 404, REFUSED}) == 200

    def _carry_out(
        self, method: str, key: Key, *, headers: Iterable[str] = (), acceptable: Container[int] = (200,)
    ) -> int:
        status = self._varnishd.order(method, key, headers=headers)
        if status not in acceptable:
            raise VarnishError(f"Varnish answers {method} for {key} with status {status}")
        return status

    def _write_vcl(self) -> str:
        text = VCL.read_text(encoding="ascii")
        hosts = "|".join(_literally(host.encode()) for host in self._hosts)
        return text.replace("@BACKEND_PORT@", str(self._backend.address[1])).replace("@HOSTS@", f"^(?:{hosts})$")

    def _take_order(self) -> None:
        self.settle()
        self._ordered.set()

    def _keep_time(self) -> None:
        """Carry out what becomes due while nobody but visitors, who ask Varnish itself, calls."""
        while not self._closing:
            due = self._cache.next_due()  # first, as it takes what is due by then off the list
            self.settle()
            self._ordered.wait(None if due is None else max(0.0, due - self._clock()))
            self._ordered.clear()

    def _rest(self) -> None:
        self._closing = True
        self._ordered.set()
        self._timekeeper.join()


def _literally(data: bytes) -> str:
    """Write bytes as an expression that matches just them, and that no VCL, ban or header line takes for its own."""
    return "".join(chr(byte) if byte in PLAIN else f"\\x{byte:02x}" for byte in data)
