"""A listening socket, a thread for each connection, and a quick end to all of them.

What is said on a connection is left to the function that is handed in.
"""

import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Self

from sandbox.wire import BadRequest, Reply, Request, read_request, render

PATIENCE = 5.0  # seconds for a thread to end, once its socket is shut
EVERY_ADDRESS = ("", "0.0.0.0")  # noqa: S104  compared with, not bound to


class Opened:
    """Opens its parts when it is entered; what was opened before one that fails is closed again."""

    def open_parts(self, stack: ExitStack) -> None:
        """Enter each part on the stack."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.open_parts(stack)
            self._open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open.close()


class Listener:
    """Serves connections from the moment it is entered until it is left."""

    def __init__(self, serve: Callable[[socket.socket], None], *, bind: str, port: int) -> None:
        self._serve = serve
        self._bind = bind
        self._port = port
        self._conversations: list[tuple[threading.Thread, socket.socket]] = []
        self._closing = False

    def __enter__(self) -> Self:
        family = socket.AF_INET6 if ":" in self._bind else socket.AF_INET
        self._socket = socket.create_server((self._bind, self._port), family=family, backlog=128)
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closing = True
        with suppress(OSError):  # wakes the acceptor, which blocks until somebody calls
            socket.create_connection(self.address, timeout=PATIENCE).close()
        self._acceptor.join(PATIENCE)
        self._socket.close()
        for _, connection in self._conversations:
            with suppress(OSError):  # most are closed by now
                connection.shutdown(socket.SHUT_RDWR)
        for thread, _ in self._conversations:
            thread.join(PATIENCE)

    @property
    def address(self) -> tuple[str, int]:
        """Where a client on this machine reaches it."""
        host = "127.0.0.1" if self._bind in EVERY_ADDRESS else self._bind
        return host, self._socket.getsockname()[1]

    @property
    def url(self) -> str:
        """The address as the start of a URL."""
        return url_of(self.address)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except ConnectionError:  # the client gave up before it was its turn
                continue
            if self._closing:
                connection.close()
                return
            thread = threading.Thread(target=self._converse, args=(connection,), daemon=True)
            thread.start()
            self._conversations = [one for one in self._conversations if one[0].is_alive()]
            self._conversations.append((thread, connection))

    def _converse(self, connection: socket.socket) -> None:
        with connection, suppress(ConnectionError):  # a client that hangs up is no news
            self._serve(connection)


def url_of(address: tuple[str, int]) -> str:
    """Write an address as the start of a URL."""
    host, port = address
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve_replies(answer: Callable[[Request], Reply]) -> Callable[[socket.socket], None]:
    """Make a server of a function from request to reply: one request a connection."""

    def serve(connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            try:
                request = read_request(stream)
            except BadRequest as error:
                connection.sendall(render(Reply(400, body=f"{error}\n".encode())))
                return
            if request is not None:
                connection.sendall(render(answer(request), with_body=request.method != "HEAD"))

    return serve
