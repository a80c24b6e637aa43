"""The faults that a script can hold, their compact text, who gets which, and what is answered in the API's place.

`Fault.kind` is one of `KINDS`, where each is explained; those that bend a real answer are left to the switchboard.
"""

import re
import threading
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from sandbox import answers
from sandbox.answers import Shape
from sandbox.wire import Headers, Reply

KINDS = {
    "status": "answer with `status` (503 unless told), `headers` and `body`; nothing is done",
    "bad-status-line": "answer `HTTP/1.0 -1 UNKNOWN` (or `status`) and `body`, as for a provider out of reach; "
    "nothing is done",
    "interim": "do what is asked, and send an interim answer (103, or `status`) before the answer",
    "reset": "reset the connection instead of answering; nothing is done",
    "reset-after": "do what is asked, then reset the connection instead of answering",
    "hang": "answer nothing for `seconds`, then as usual if the client is still there",
    "drip": "do what is asked, then answer byte by byte over `seconds`",
    "truncated": "do what is asked, then send less than Content-Length announces",
    "html": "answer 200 with an HTML page; nothing is done",
    "no-reqid": "answer 200 without a reqId; nothing is done",
    "ret": "answer 200 with a `ret` that is not 0; nothing is done",
    "redirect": "answer 302 (or `status`) to `location`; nothing is done",
    "huge": "answer 200 with several MB of JSON without a reqId; nothing is done",
    "partial": "do what is asked, and answer with a reqId and a success rate of 50",
    "task-failure": "accept the purge, whose task then ends in failure and leaves the cache as it is",
    "task-stuck": "accept the purge, whose task then runs for ever and leaves the cache as it is",
}

SUBMISSIONS = frozenset({"/cdn_api/purge", "/cdn_api/prefetch"})
_TEXT = re.compile(r"(?P<kind>[a-z-]+)(:(?P<value>.*?))?(\*(?P<times>\d+))?(@(?P<path>/\S*))?")


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, how often, and for which calls: those to `path` or below it whose body contains `match`.

    Below `/cdn_api/purge` and `/cdn_api/prefetch` lie questions: those are meant by a slash at the end.
    """

    kind: str
    times: int = 1
    path: str = "/cdn_api/purge"
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    seconds: float = 1.0
    match: str = ""
    location: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}; there are: {', '.join(KINDS)}")
        if self.times < 1:
            raise ValueError(f"fault {self.kind}: it must happen at least once, not {self.times} times")
        if self.seconds < 0:
            raise ValueError(f"fault {self.kind}: {self.seconds} seconds is no length of time")
        if self.kind == "redirect" and not self.location:
            raise ValueError("fault redirect: it needs a location")

    def fits(self, path: str, body: bytes) -> bool:
        """Tell whether a call is one of those meant."""
        is_below = self.path not in SUBMISSIONS and path.startswith(self.path.rstrip("/") + "/")
        return (path == self.path or is_below) and self.match.encode() in body


class Script:
    """Faults in order, each handed out as often as it says to the first calls that it fits."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._left: list[Fault] = []
        self.add(faults)

    def add(self, faults: Iterable[Fault]) -> None:
        """Append faults."""
        with self._lock:
            self._left += [fault for fault in faults for _ in range(fault.times)]

    def clear(self) -> None:
        """Strike off what is left."""
        with self._lock:
            self._left.clear()

    def take(self, path: str, body: bytes) -> Fault | None:
        """Hand out the first fault that fits a call, and strike it off."""
        with self._lock:
            for index, fault in enumerate(self._left):
                if fault.fits(path, body):
                    return self._left.pop(index)
        return None


def parse_fault(text: str) -> Fault:
    """Read `KIND[:VALUE][*TIMES][@PATH]`, such as `status:503*2`, `hang:5`, `reset@/cdn_api/tokens`."""
    found = _TEXT.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not KIND[:VALUE][*TIMES][@PATH], such as status:503*2")
    kind: str = found["kind"]
    value: str = found["value"] or ""
    times = int(found["times"] or 1)
    path: str = found["path"] or "/cdn_api/purge"
    if not value:
        return Fault(kind, times=times, path=path)
    match kind:
        case "status" | "interim":
            status = _checked("status", value, r"[1-9]\d\d", "an HTTP status of three digits")
            return Fault(kind, times=times, path=path, status=int(status))
        case "bad-status-line":
            return Fault(kind, times=times, path=path, status=int(_checked(kind, value, r"-?\d{1,9}", "a number")))
        case "hang" | "drip":
            seconds = _checked(kind, value, r"\d+(\.\d+)?", "a number of seconds")
            return Fault(kind, times=times, path=path, seconds=float(seconds))
        case "redirect":
            return Fault(kind, times=times, path=path, location=value)
        case _:
            Fault(kind)  # an unknown kind is the graver mistake
            raise ValueError(f"fault {kind}: it takes no value, so {value!r} is one too many")


def _checked(kind: str, value: str, pattern: str, what: str) -> str:
    if not re.fullmatch(pattern, value, re.ASCII):
        raise ValueError(f"fault {kind}: {value!r} is not {what}")
    return value


HUGE = 5 * 1024 * 1024


def scripted_reply(fault: Fault, *, shape: Shape) -> Reply | None:
    """Return the answer of a fault, or None when the API itself is to answer.

    The fault's headers take the place of those of the same name.
    """
    match fault.kind:
        case "status":
            status = fault.status or 503
            reply = answers.provider_error(status, f"scripted fault {status}")
        case "bad-status-line":
            status = -1 if fault.status is None else fault.status
            reply = answers.provider_error(status, "[Errno 111] Connection refused")
        case "redirect":
            reply = answers.page(fault.status or 302)
        case "html":
            reply = answers.page(200)
        case "no-reqid":
            reply = answers.accepted("", shape=shape)
        case "ret":
            failed = {"ret": 1, "msg": "FAILED", "reqId": str(uuid.uuid1()), "success_rate": 0.0}
            reply = answers.json_reply(200, {"zt_api": failed})
        case "huge":
            reply = answers.json_reply(200, {"padding": "x" * HUGE})
        case _:
            return None
    if fault.body and fault.kind in {"status", "bad-status-line"}:
        reply = answers.text_reply(reply.status, fault.body)
    added = (*([("Location", fault.location)] if fault.location else []), *fault.headers)
    named = {name.lower() for name, _ in added}
    kept = (pair for pair in reply.headers.pairs if pair[0].lower() not in named)
    return Reply(reply.status, headers=Headers((*kept, *added)), body=reply.body)
