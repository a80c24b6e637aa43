"""One connection to the API, from request to last byte, with the fault that the script holds for it.

What is answered to a call in good order is left to the API.
"""

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass

from sandbox import answers
from sandbox.answers import Shape
from sandbox.api import PURGE, Answer, Terms
from sandbox.faults import AT_EDGES, Fault, Script
from sandbox.record import Record
from sandbox.scripted import scripted_reply
from sandbox.wire import BadRequest, Request, read_request, render

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
RESETS = frozenset({"reset", "reset-after"})
TERMS = {"partial": Terms(rate=50.0), "task-failure": Terms(end="failure"), "task-stuck": Terms(end="run")}


@dataclass(frozen=True, slots=True)
class Switchboard:
    """Answers the API's connections, one call each; a call is worked on, to its end, while it holds `turn`."""

    answer: Callable[[Request, Terms], Answer]
    script: Script
    record: Record
    shape: Shape
    latency: float
    closing: threading.Event
    settle: Callable[[], None]
    turn: AbstractContextManager[object]

    def serve(self, connection: socket.socket) -> None:
        """Answer the call of one connection."""
        with connection.makefile("rb") as stream:
            try:
                request = read_request(stream)
            except BadRequest:
                connection.sendall(render(answers.page(400), version="HTTP/1.0"))
                return
        if request is None:
            return
        number = self.record.begin(request)
        fault = self.script.take(lambda fault: fault.fits(request.path, request.body))
        with self.turn:
            answer = self._answer(connection, request, fault=fault)
        if answer is None or not self._deliver(connection, answer, fault=fault, number=number):
            self.record.end(number, status=None, req_id=answer.req_id if answer else None)
            if fault is not None and fault.kind in RESETS:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)

    def _answer(self, connection: socket.socket, request: Request, *, fault: Fault | None) -> Answer | None:
        """Return the answer, or None when there will be none."""
        kind = fault.kind if fault else ""
        if kind == "reset":
            return None
        if fault and kind == "hang" and (self.closing.wait(fault.seconds) or _has_left(connection)):
            return None
        self.settle()
        reply = scripted_reply(fault, shape=self.shape) if fault is not None else None
        terms = Terms(fault=fault) if kind in AT_EDGES else TERMS.get(kind, Terms())
        answer = self.answer(request, terms) if reply is None else Answer(reply)
        if request.path == PURGE:
            self.closing.wait(self.latency)
        return answer

    def _deliver(self, connection: socket.socket, answer: Answer, *, fault: Fault | None, number: int) -> bool:
        """Send an answer and tell whether it went out whole; the record is made before the last byte."""
        if self.closing.is_set() or _has_left(connection):
            return False
        rest = render(answer.reply, version="HTTP/1.0")
        if fault is not None:
            rest = self._bend(connection, rest, fault=fault)
        if not rest:
            return False
        self.record.end(number, status=answer.reply.status, req_id=answer.req_id)
        connection.sendall(rest)
        return True

    def _bend(self, connection: socket.socket, data: bytes, *, fault: Fault) -> bytes:
        """Send part of an answer as its fault wants it, and return what may follow in good order."""
        match fault.kind:
            case "reset-after":
                return b""
            case "truncated":
                head, blank, body = data.partition(b"\r\n\r\n")
                with suppress(ConnectionError):
                    connection.sendall(head + blank + body[: len(body) // 2])
                return b""
            case "interim":
                return b"HTTP/1.1 %d Interim\r\nLink: </a.css>; rel=preload\r\n\r\n%s" % (fault.status or 103, data)
            case "drip":
                return self._drip(connection, data, pause=fault.seconds / len(data))
        return data

    def _drip(self, connection: socket.socket, data: bytes, *, pause: float) -> bytes:
        """Send all but the last byte, slowly, and return that one, or nothing when the client or the sandbox left."""
        for byte in data[:-1]:
            try:
                connection.sendall(bytes((byte,)))
            except ConnectionError:
                return b""
            if self.closing.wait(pause):
                return b""
        return data[-1:]


def _has_left(connection: socket.socket) -> bool:
    """Tell whether the client has hung up: then the end of its stream is there to be read."""
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
