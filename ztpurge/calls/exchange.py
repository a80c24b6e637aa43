"""What is sent to a server and what comes back, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


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
