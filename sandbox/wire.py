"""HTTP messages as values, their bytes, and the one client.

Written by hand because the standard library normalises paths, and this CDN must see, and send, the bytes as they are.
"""

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPResponse
from typing import BinaryIO

TIMEOUT = 30.0
LONGEST_LINE = 65536
LARGEST_BODY = 16 * 1024 * 1024


class BadRequest(ValueError):  # noqa: N818  the name HTTP has for it
    """What arrived is not an HTTP request that this server reads."""


@dataclass(frozen=True, slots=True, eq=False)  # compares as mappings do
class Headers(Mapping[str, str]):
    """Header lines in order; names are looked up whatever their case, and the first line of a name counts."""

    pairs: tuple[tuple[str, str], ...] = ()

    def __getitem__(self, name: str) -> str:
        for key, value in self.pairs:
            if key.lower() == name.lower():
                return value
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(key for key, _ in self.pairs))

    def __len__(self) -> int:
        return len(dict.fromkeys(key for key, _ in self.pairs))

    def __hash__(self) -> int:
        return hash(frozenset(self.items()))


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came in, its target as the very bytes that were sent."""

    method: str
    target: bytes
    headers: Headers = Headers()
    body: bytes = b""

    @property
    def path(self) -> str:
        """The target without its query, for routes."""
        return self.target.partition(b"?")[0].decode("latin-1")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, on its way out or received."""

    status: int
    headers: Headers = Headers()
    body: bytes = b""

    @property
    def cache(self) -> str:
        """What the edge says about its cache: `HIT`, `MISS`, or nothing."""
        return self.headers.get("X-Cache", "")


def read_request(stream: BinaryIO) -> Request | None:
    """Read one request, or None when the client hung up before it sent one."""
    line = _read_line(stream)
    if not line:
        return None
    method, _, rest = line.partition(b" ")
    # The target may hold raw spaces, so it ends at the last one.
    target, _, version = rest.rpartition(b" ")
    if not method or not target or b"\r" in target or not version.startswith(b"HTTP/1."):
        raise BadRequest("not an HTTP/1 request line")
    pairs = []
    while line := _read_line(stream):
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon:
            raise BadRequest("header line without a colon")
        pairs.append((name, value.strip()))
    headers = Headers(tuple(pairs))
    length = headers.get("Content-Length", "0")
    if not (length.isascii() and length.isdigit()) or int(length) > LARGEST_BODY:
        raise BadRequest("bad Content-Length")
    body = stream.read(int(length))
    if len(body) < int(length):
        raise BadRequest("body cut short")
    return Request(method.decode("latin-1"), target, headers=headers, body=body)


def _read_line(stream: BinaryIO) -> bytes:
    line = stream.readline(LONGEST_LINE + 1)
    if len(line) > LONGEST_LINE:
        raise BadRequest("line too long")
    return line.rstrip(b"\r\n")


def render(reply: Reply, *, version: str = "HTTP/1.1", with_body: bool = True) -> bytes:
    """Write the bytes of an answer; an unknown status number gets the reason `UNKNOWN`, as Werkzeug writes it."""
    try:
        reason = HTTPStatus(reply.status).phrase.upper()
    except ValueError:
        reason = "UNKNOWN"
    lines = [f"{version} {reply.status} {reason}"]
    lines += [f"{name}: {value}" for name, value in reply.headers.pairs]
    if "Content-Length" not in reply.headers:
        lines.append(f"Content-Length: {len(reply.body)}")
    head = "".join(f"{line}\r\n" for line in [*lines, "Connection: close", ""])
    return head.encode("latin-1") + (reply.body if with_body else b"")


def fetch(address: tuple[str, int], *, host: str, target: bytes, method: str = "GET") -> Reply:
    """Ask a server for a target under the name of a host."""
    if any(byte in target for byte in (b"\r", b"\n")) or not host.isprintable():
        raise ValueError("a line break would end the request line")
    head = f"Host: {host}\r\nConnection: close\r\n\r\n".encode()
    with socket.create_connection(address, timeout=TIMEOUT) as connection:
        connection.sendall(method.encode() + b" " + target + b" HTTP/1.1\r\n" + head)
        with HTTPResponse(connection, method=method) as response:
            response.begin()
            return Reply(response.status, headers=Headers(tuple(response.getheaders())), body=response.read())
