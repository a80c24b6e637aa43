"""One URL at one server -> a verdict: fetched when it is the host's turn, followed by way of redirects and pointers.

What each URL must serve is decided in `expected.py`, how it is fetched in `fetch.py`, what follows in `judge.py`; which
URLs are looked at, and how often, in `verify.py`.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import urldefrag, urljoin

from ztpurge.calls.pace import Pace
from ztpurge.calls.scheduler import retry_after
from ztpurge.changes.contents import MOST_BYTES_UNKNOWN, Content
from ztpurge.edge.expected import Gone
from ztpurge.edge.judge import Verdict, judge, judge_unseen, longest, unlooked
from ztpurge.edge.servers import by_name
from ztpurge.errors import ApiError, Failure, ZtpurgeError
from ztpurge.site.urls import host_of, parse_url
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ztpurge.calls.scheduler import Scheduler
    from ztpurge.edge.expected import Expected
    from ztpurge.edge.fetch import Look
    from ztpurge.edge.judge import Freshness

MOST_CONNECTIONS = 16  # to a host at once
_MOST_HOPS = 5
_LEAST_HOLD = 1.0  # seconds
_LONGEST_LOOK = 15.0  # seconds, and what the size takes
_SLOWEST = 2 << 20  # bytes a second


class Spot(NamedTuple):
    """Where to look: a URL, one of the servers that answer for it, and the URL by which that is reached."""

    url: str
    server: str
    at: str


class Door(Protocol):
    """The servers as `fetch.Edges` opens them."""

    def look(self, url: str, at: str, expected: Content | None, timeout: float) -> Look:
        """Fetch a URL from the server at `at` and compare its body; raise ApiError if there is no whole answer."""

    def shown(self, text: str, *, limit: int) -> str:
        """Return what a server said as everybody may read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How URLs are looked at: `asked_at` tells by which URL each server is reached for a URL, by the server's name.

    `pointer_of` reads the blob of an id and returns what Git LFS serves in its place, None if it is no pointer.
    `purged_at` tells when the purge of a URL began, on the clock; a copy that an edge fetched since then tells of its
    origin.
    `is_patient`: files of which none is there may still come, all the time.
    """

    pointer_of: Callable[[str], Content | None]
    purged_at: Callable[[str], float]
    asked_at: Callable[[str], Mapping[str, str]] = by_name
    is_patient: bool = False


class _NoTurn(Exception):  # noqa: N818 - no error
    """There is no time left to look."""


class _Host:
    """When the next look at a host may start, and its few connections: all its servers and URLs share them.

    Those of other hosts that redirect to it take their turns too.
    """

    def __init__(self, scheduler: Scheduler, connections: int) -> None:
        self.pace = Pace(0, scheduler.clock)
        self.connections = threading.BoundedSemaphore(connections)


class Looking:
    """Looks at URLs, of each host at no more than `connections` at once, and at none but the expected ones."""

    def __init__(self, expected: Mapping[str, Expected], door: Door, scheduler: Scheduler, terms: Terms) -> None:
        self.connections = min(scheduler.concurrency, MOST_CONNECTIONS)
        self.expected = dict(expected)  # once a blob turns out to be a pointer, what Git LFS serves in its place
        self.spots = {
            url: tuple(Spot(url, server, at) for server, at in terms.asked_at(url).items()) for url in expected
        }
        self._door = door
        self._scheduler = scheduler
        self._terms = terms
        self._hosts = {host: _Host(scheduler, self.connections) for host in map(host_of, expected)}
        self._not_before: dict[str, float] = {}  # by the URL asked for: when its server wants to be asked again

    def look(self, spot: Spot, before: Verdict | None, *, end: float) -> Verdict:
        """Look at a URL at a server once more, before `end` on the clock; `before`: what was seen there so far."""
        looks = before.looks if before else 0
        what = self.expected[spot.url]
        try:
            verdict = self._follow(spot, what, end)
            if isinstance(what, Content) and what.may_be_pointer and verdict.served == "other content":
                verdict = self._follow_pointer(spot, what.digest, verdict, end)
        except _NoTurn:
            return before or unlooked(spot.url, stopped=self._scheduler.clock.stopped())
        except ZtpurgeError as error:
            verdict = Verdict(spot.url, "stale", f"not seen: {error.cause}", is_seen=False)
        except Exception as bug:  # noqa: BLE001 - whatever one look meets, the reqIds must reach the report
            verdict = Verdict(spot.url, "stale", f"not seen: ztpurge has a bug: {for_log(repr(bug))}", is_seen=False)
        verdict = replace(verdict, looks=looks + 1, at=spot.at if spot.at != spot.url else "")
        if not before:
            return verdict
        is_back = verdict.state == "stale" and (before.is_back or (bool(verdict.served) and before.state == "fresh"))
        again = " again, after the new content" if is_back and verdict.served else ""
        return replace(
            verdict,
            reason=f"{verdict.reason}{again}",
            blame=verdict.blame or (before.blame if verdict.served else ""),  # one look may not tell
            is_back=is_back,
            in_browsers=longest((before.in_browsers, verdict.in_browsers)),
        )

    def _follow_pointer(self, spot: Spot, sha: str, verdict: Verdict, end: float) -> Verdict:
        """Compare with what Git LFS serves in the place of a blob, if that is a pointer."""
        try:
            pointer = self._terms.pointer_of(sha)
        except ZtpurgeError as error:
            unknown = f"{verdict.reason}; whether it is a pointer of Git LFS is not known: {error}"
            return replace(verdict, reason=unknown)
        if pointer is None:
            return verdict
        self.expected[spot.url] = pointer
        return judge_unseen(spot.url, pointer) or self._follow(spot, pointer, end)

    def _follow(self, spot: Spot, what: Expected, end: float) -> Verdict:
        """Look at a URL and where it points to, as long as those are URLs that were purged too."""
        hops: list[str] = []
        url, at = spot.url, spot.at
        while True:
            seen, since_purge = self._fetch(url, at, what, end)
            if not seen.location:
                verdict = judge(spot.url, what, seen, since_purge)
                reason = ": ".join(filter(None, (*hops, verdict.reason)))
                return replace(verdict, reason=reason, seconds=since_purge[1])
            asked, url = url, _target(url, seen.location)
            where = f"{seen.status} to {self._door.shown(url, limit=300)}"
            is_purged = url in self.expected
            if not is_purged or len(hops) == _MOST_HOPS:
                why = "redirects too often" if is_purged else "this run did not purge that"
                # a deleted file is not served any more; whether visitors are to be sent there nobody can tell, but by
                # its own name on another host, or with another scheme, it may be what the edge keeps of that very file
                is_moved = isinstance(what, Gone) and not is_purged and _path_of(url) != _path_of(asked)
                state: Freshness = "unverified" if is_moved else "stale"
                return Verdict(spot.url, state, f"answers {where}; {why}", seen.said, place=seen.place)
            hops.append(f"by way of {where}")
            there = self.spots[url]  # at the same server or, on another host, at any
            at = next((other.at for other in there if other.server == spot.server), there[0].at)
            if isinstance(what, Gone):  # by its new name it must serve what is there now
                what = self.expected[url]
                if unseen := judge_unseen(spot.url, what):
                    return replace(unseen, reason=": ".join((*hops, unseen.reason)))

    def _fetch(self, url: str, at: str, what: Expected, end: float) -> tuple[Look, tuple[float, float]]:
        """Look at a URL when it is its host's turn; also return how long after the purge it was asked and answered."""
        host, clock = self._hosts[host_of(url)], self._scheduler.clock
        if clock.now() < self._not_before.get(at, 0.0) or not host.pace.wait_for_turn(end):
            raise _NoTurn
        with host.connections:
            # a round is as long as its slowest, and all wait for the next
            size = (what.size or MOST_BYTES_UNKNOWN) if isinstance(what, Content) else 0
            began = clock.now()
            timeout = min(self._scheduler.request_timeout, _LONGEST_LOOK + size / _SLOWEST, max(end - began, 0.1))
            error: ApiError | None = ApiError(Failure.UNREADABLE, "ztpurge has a bug")  # until the look has ended
            try:
                seen, error = self._door.look(url, at, what if isinstance(what, Content) else None, timeout), None
            except ApiError as failed:
                error = failed
                raise
            finally:
                host.pace.end_turn(error, started=began, timeout=timeout)
            answered = clock.now()
        if seen.status in {429, 503}:
            asked = retry_after(seen.retry_after, now=clock.wall()) if seen.retry_after else None
            pause = asked or _LEAST_HOLD
            # for all, but not so long that the others never get their turn: this one URL may be what is refused
            held = min(pause, max((end - answered) / 2, 0.0))
            if held < pause:
                self._not_before[at] = answered + pause
            host.pace.hold(held)
            host.pace.ease(started=began)
        purged_at = self._terms.purged_at(url)
        return seen, (began - purged_at, answered - purged_at)


def _path_of(url: str) -> str:
    return url.partition("://")[2].partition("/")[2]


def _target(url: str, location: str) -> str:
    try:
        joined = urldefrag(urljoin(url, location)).url
    except ValueError:  # a malformed host
        return location
    try:
        return parse_url(joined)
    except ZtpurgeError:
        return joined
