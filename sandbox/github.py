"""A stand-in for GitHub's REST API, or Gitea's, on loopback over a real repository, for as long as it is entered.

What is answered is left to `github_rest` and `github_gitea`; here are the connections, the faults and the record.
"""

import socket
import threading
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from typing import Literal

from sandbox import answers
from sandbox.faults import Fault, Script
from sandbox.github_gitea import GiteaRest
from sandbox.github_objects import GitObjects
from sandbox.github_rest import Allowance, GitHubRest, Release, Run, Settings, document_reply, numbered, text
from sandbox.listener import Listener
from sandbox.opened import Opened
from sandbox.switchboard import RESET_ON_CLOSE
from sandbox.wire import BadRequest, Headers, Reply, Request, read_request, render

__all__ = ["Asked", "Flavour", "GitHubApi", "Release", "Run"]

Flavour = Literal["github", "gitea"]

KINDS = frozenset({"status", "reset", "truncated", "hang", "html", "redirect"})
FLAVOURS: dict[Flavour, type[GitHubRest]] = {"github": GitHubRest, "gitea": GiteaRest}
_ELSEWHERE = Fault("reset").path  # the path of a fault that names none, which belongs to the CDN's API


@dataclass(frozen=True, slots=True)
class Asked:
    """One request; `status` is None while it is under way, and stays None when no whole answer was sent."""

    method: str
    path: str  # with its query
    headers: Headers = field(repr=False)  # the token is in there
    status: int | None = None


class GitHubApi(Opened):
    """The API of one repository; its address is there while it is entered."""

    def __init__(  # noqa: PLR0913  each is a setting of its own
        self,
        folder: str | Path,
        *,
        name: str = "owner/site",
        token: str = "gh-token",  # noqa: S107  for tests
        truncate_at: int = 100_000,
        runs: Iterable[Run] = (),
        releases: Iterable[Release] = (),
        permissions: Iterable[str] = ("contents", "actions"),
        flavour: Flavour = "github",
        rate_limit: tuple[int, int] | None = None,
        page_size: int = 1000,
        faults: Iterable[Fault] = (),
    ) -> None:
        settings = Settings(
            name=name,
            token=token,
            truncate_at=truncate_at,
            page_size=page_size,
            runs=tuple(numbered(runs)),
            releases=tuple(releases),
            permissions=frozenset(permissions),
        )
        self._rest = FLAVOURS[flavour](GitObjects(folder), settings, allowance=Allowance(rate_limit))
        self._lock = threading.Condition()
        self._requests: list[Asked] = []
        self._closing = threading.Event()
        self._script = Script()
        self._listener = Listener(self._serve, bind="127.0.0.1", port=0)
        self.add_faults(*faults)

    def open_parts(self, stack: ExitStack) -> None:
        """Enter each part on the stack."""
        stack.enter_context(self._listener)
        stack.callback(self._closing.set)  # first of all at the end: whoever waits goes home

    @property
    def url(self) -> str:
        """Where the API is, as GITHUB_API_URL says it."""
        return self._listener.url + self._rest.prefix

    @property
    def requests(self) -> tuple[Asked, ...]:
        """Every request in order of arrival, those under way included."""
        with self._lock:
            return tuple(self._requests)

    def wait_for_requests(self, count: int, *, timeout: float = 30.0) -> bool:
        """Wait until so many requests have arrived, and tell whether they did in time."""
        with self._lock:
            return self._lock.wait_for(lambda: len(self._requests) >= count, timeout)

    def add_faults(self, *faults: Fault) -> None:
        """Append faults to the script: each for the requests to its `path` or below, for any when it names none."""
        for fault in faults:
            if fault.kind not in KINDS:
                raise ValueError(f"fault {fault.kind}: here there are only: {', '.join(sorted(KINDS))}")
        self._script.add(replace(fault, path="/") if fault.path == _ELSEWHERE else fault for fault in faults)

    def _serve(self, connection: socket.socket) -> None:
        """Answer the one request of a connection."""
        with connection.makefile("rb") as stream:
            try:
                request = read_request(stream)
            except BadRequest:
                connection.sendall(render(answers.page(400)))
                return
        if request is None:
            return
        number = self._note(request)
        fault = self._script.take(request.path, request.body)
        match fault.kind if fault is not None else "":
            case "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                return
            case "hang" if fault is not None and self._closing.wait(fault.seconds):
                return
        reply = _scripted(fault) if fault is not None else None
        reply = reply or self._rest.answer(request, url=self._listener.url)
        data = render(reply, with_body=request.method != "HEAD")
        if fault is not None and fault.kind == "truncated":
            with suppress(ConnectionError):
                connection.sendall(data[: len(data) - (len(reply.body) + 1) // 2])
            return
        self._settle(number, status=reply.status)
        connection.sendall(data)

    def _note(self, request: Request) -> int:
        """Note a request that has arrived, and return its number."""
        asked = Asked(request.method, request.target.decode("latin-1"), headers=request.headers)
        with self._lock:
            self._requests.append(asked)
            self._lock.notify_all()
            return len(self._requests) - 1

    def _settle(self, number: int, *, status: int) -> None:
        """Note the answer to a request: before it is sent, so that whoever got it finds it here."""
        with self._lock:
            self._requests[number] = replace(self._requests[number], status=status)


def _scripted(fault: Fault) -> Reply | None:
    """Return the answer of a fault, or None when the API itself is to answer."""
    match fault.kind:
        case "status":
            status = fault.status or 503
            reply = _worded(status, fault.body) if fault.body else _plain_error(status)
        case "html":
            reply = answers.page(200)
        case "redirect":
            reply = Reply(fault.status or 302, headers=Headers((("Location", fault.location),)))
        case _:
            return None
    named = {name.lower() for name, _ in fault.headers}
    kept = (pair for pair in reply.headers.pairs if pair[0].lower() not in named)
    return Reply(reply.status, headers=Headers((*kept, *fault.headers)), body=reply.body)


def _worded(status: int, body: str) -> Reply:
    """Answer with a text whose type shows in its first letter."""
    return text(status, body, kind="application/json" if body.lstrip()[:1] in {"{", "["} else "text/html")


def _plain_error(status: int) -> Reply:
    """Answer with the JSON that GitHub has for a failure of its own."""
    try:
        message = HTTPStatus(status).phrase
    except ValueError:
        message = "Server Error"
    return document_reply({"message": message}, status=status)
