"""What the tests of the sandbox share: a clock that they set, and calls as any client makes them."""

from __future__ import annotations

import json
import time
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from http.client import HTTPMessage

    from sandbox import Sandbox

HOST = "static.example.com"
URL = f"http://{HOST}/a.css"
TOKEN = "secret-token"
JSON = {"Content-Type": "application/json"}
SIGNED = {**JSON, "X-Auth-Token": TOKEN}
PURGE, PREFETCH, LOGIN = "/cdn_api/purge", "/cdn_api/prefetch", "/cdn_api/tokens"


@dataclass
class Hands:
    now: float = 1_448_278_659.0  # Mon, 23 Nov 2015 11:37:39 GMT

    def __call__(self) -> float:
        return self.now


class Heard(NamedTuple):
    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def document(self) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.body)


def where(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def send(
    api_url: str,
    path: str = PURGE,
    document: object = None,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] = SIGNED,
    timeout: float = 30,
) -> Heard:
    """Make a call: a POST if there is something to send."""
    data = json.dumps(document).encode() if document is not None else body
    with closing(HTTPConnection(urlsplit(api_url).netloc, timeout=timeout)) as connection:
        connection.request("GET" if data is None else "POST", path, body=data, headers=dict(headers))
        with connection.getresponse() as response:
            return Heard(response.status, response.headers, response.read())


def purge(cdn: Sandbox, **entries: list[str]) -> str:
    """Purge, and return the id of the task."""
    assert send(cdn.api_url, PURGE, entries).status == 200
    return cdn.calls[-1].req_id or ""


def task(cdn: Sandbox, req_id: str) -> Any:  # noqa: ANN401 - JSON
    return send(cdn.api_url, f"/cdn_api/req_status/{req_id}").document["task"]


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 20.0
    while not condition():
        assert time.monotonic() < end, "in vain"
