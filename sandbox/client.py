"""The one HTTP client of the sandbox, which sends a target's bytes as they stand."""

import socket
from http.client import HTTPResponse

from sandbox.wire import Headers, Reply

TIMEOUT = 30.0


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
