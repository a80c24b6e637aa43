"""What is sent and what comes back, as values; and the door to the network, which loads the HTTP client."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ztpurge.calls.wire import Session


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a server."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)  # a token is among them
    data: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: header names in lower case, a body of bounded size.

    `odd_status`: what the status line said in place of an HTTP status, such as `-1 UNKNOWN`; `status` is 502 then.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    odd_status: str = ""


@dataclass(frozen=True, slots=True)
class Incoming:
    """An HTTP answer as it was sent, whose body is still to be read: compressed if it was."""

    status: int
    headers: dict[str, str]
    chunks: Iterator[bytes]


def make_session(url: str, environ: Mapping[str, str]) -> Session:
    """Open a session with the server of a URL; raise ZtpurgeError for a CA bundle that cannot be read."""
    from ztpurge.calls.wire import Session  # noqa: PLC0415 - 100 ms for `requests`, which runs that call nobody do without

    return Session(url, environ)
