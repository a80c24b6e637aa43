"""The faults that a script can hold, their compact text, and who gets which.

`Fault.kind` is one of `KINDS`, where each is explained. What is answered in the API's place is left to `scripted.py`,
what bends a real answer to the switchboard, and what happens to a purge after its answer to the network and the tiers.
"""

import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

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
    "lost": "accept the purge, whose task then ends well, and leave the cache of `edge`, or of each, as it is",
    "comes-back": "do what is asked; after `answers` answers with the new copy the edge has the old one again, until "
    "it is purged once more (0: it does not get the new one at all)",
    "busy": "an edge's own: it answers visitors with `status` (429 unless told), and Retry-After with `seconds`",
}

AT_EDGES = frozenset({"lost", "comes-back", "busy"})  # those that can be meant for one edge

SUBMISSIONS = frozenset({"/cdn_api/purge", "/cdn_api/prefetch"})
_TEXT = re.compile(r"(?P<kind>[a-z-]+)(:(?P<value>.*?))?(#(?P<edge>[0-9a-f.:]+))?(\*(?P<times>\d+))?(@(?P<path>/\S*))?")


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, how often, and for which calls: those to `path` or below it whose body contains `match`.

    Below `/cdn_api/purge` and `/cdn_api/prefetch` lie questions: those are meant by a slash at the end. What happens at
    edges does so at the one with the address `edge`, or at each, and there to what has `match` in its path or query.
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
    edge: str = ""
    answers: int = 1

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}; there are: {', '.join(KINDS)}")
        if self.times < 1:
            raise ValueError(f"fault {self.kind}: it must happen at least once, not {self.times} times")
        if self.seconds < 0:
            raise ValueError(f"fault {self.kind}: {self.seconds} seconds is no length of time")
        if self.kind == "redirect" and not self.location:
            raise ValueError("fault redirect: it needs a location")
        if self.edge and self.kind not in AT_EDGES:
            raise ValueError(f"fault {self.kind}: it happens at the API, not at the edge {self.edge}")

    def fits(self, path: str, body: bytes) -> bool:
        """Tell whether a call is one of those meant."""
        is_below = self.path not in SUBMISSIONS and path.startswith(self.path.rstrip("/") + "/")
        return self.kind != "busy" and (path == self.path or is_below) and self.match.encode() in body

    def fits_visit(self, edge: str, target: bytes) -> bool:
        """Tell whether a visit to an edge is one of those meant."""
        return self.kind == "busy" and self.edge in {"", edge} and self.match.encode() in target


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

    def take(self, fits: Callable[[Fault], bool]) -> Fault | None:
        """Hand out the first fault that fits, and strike it off."""
        with self._lock:
            for index, fault in enumerate(self._left):
                if fits(fault):
                    return self._left.pop(index)
        return None


def parse_fault(text: str) -> Fault:
    """Read `KIND[:VALUE][#EDGE][*TIMES][@PATH]`, such as `status:503*2`, `reset@/cdn_api/tokens`, `lost#127.0.0.2`."""
    found = _TEXT.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not KIND[:VALUE][#EDGE][*TIMES][@PATH], such as status:503*2")
    value: str = found["value"] or ""
    plain = Fault(
        found["kind"],
        times=int(found["times"] or 1),
        path=found["path"] or "/cdn_api/purge",
        edge=found["edge"] or "",
        location=value if found["kind"] == "redirect" else "",
    )
    if not value or plain.location:
        return plain
    match plain.kind:
        case "status" | "interim":
            status = _checked("status", value, r"[1-9]\d\d", "an HTTP status of three digits")
            return replace(plain, status=int(status))
        case "bad-status-line":
            return replace(plain, status=int(_checked(plain.kind, value, r"-?\d{1,9}", "a number")))
        case "hang" | "drip" | "busy":
            return replace(plain, seconds=float(_checked(plain.kind, value, r"\d+(\.\d+)?", "a number of seconds")))
        case "comes-back":
            return replace(plain, answers=int(_checked(plain.kind, value, r"\d{1,9}", "a number of answers")))
        case _:
            raise ValueError(f"fault {plain.kind}: it takes no value, so {value!r} is one too many")


def _checked(kind: str, value: str, pattern: str, what: str) -> str:
    if not re.fullmatch(pattern, value, re.ASCII):
        raise ValueError(f"fault {kind}: {value!r} is not {what}")
    return value
