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
    from ztpurge.edge.judge import Freshness, Served

MOST_CONNECTIONS = 16  # to a host at once
_MOST_HOPS = 5
_LEAST_HOLD = 1.0  # seconds
_MOST_MISSES = 3  # connections in a row that a server does not take; each may cost ten seconds
_TRY_AGAIN = 2.0  # seconds, until it is tried once more
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
    `is_origin`: an origin is asked, at which files of which none is there may still come, and which may serve many
    hosts.
    """

    pointer_of: Callable[[str], Content | None]
    purged_at: Callable[[str], float]
    asked_at: Callable[[str], Mapping[str, str]] = by_name
    is_origin: bool = False


class _NoTurn(Exception):  # noqa: N818 - no error
    """There is no time left to look, or the server does not want to be asked: then it says so."""


class _Host:
    """When the next look at a host may start, and its few connections: all its servers and URLs share them.

    Those of other hosts that redirect to it take their turns too.
    """

    def __init__(self, scheduler: Scheduler, connections: int) -> None:
        self.pace = Pace(0, scheduler.clock)
        self.connections = threading.BoundedSemaphore(connections)


class _Contact:
    """Whether a server takes connections: how many in a row it did not, why, and when it was last tried again."""

    def __init__(self) -> None:
        self.misses = 0
        self.cause = ""
        self.tried_at = 0.0


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
        asked = ((url, spot.at) for url, spots in self.spots.items() for spot in spots)
        self._hosts = {host: _Host(scheduler, self.connections) for host in {self._turns_of(*one) for one in asked}}
        self._contacts: dict[str, _Contact] = {}
        self._lock = threading.Lock()
        self._not_before: dict[str, float] = {}  # by the URL asked for: when its server wants to be asked again

    def look(self, spot: Spot, before: Verdict | None, *, end: float) -> Verdict:
        """Look at a URL at a server once more, before `end` on the clock; `before`: what was seen there so far."""
        looks = before.looks if before else 0
        what = self.expected[spot.url]
        try:
            self._raise_if_dead(spot.at)
            verdict = self._follow(spot, what, end)
            if isinstance(what, Content) and what.may_be_pointer and verdict.served == "other content":
                verdict = self._follow_pointer(spot, what.digest, verdict, end)
        except _NoTurn as why:
            unseen = unlooked(spot.url, stopped=self._scheduler.clock.stopped())
            return before or (replace(unseen, reason=f"not looked at: {why}") if str(why) else unseen)
        except ZtpurgeError as error:
            verdict = Verdict(spot.url, "stale", f"not seen: {error.cause}", is_seen=False)
        except Exception as bug:  # noqa: BLE001 - whatever one look meets, the reqIds must reach the report
            verdict = Verdict(spot.url, "stale", f"not seen: ztpurge has a bug: {for_log(repr(bug))}", is_seen=False)
        verdict = replace(verdict, looks=looks + 1, at=spot.at if spot.at != spot.url else "")
        if not before:
            return verdict
        is_back = verdict.state == "stale" and (before.is_back or (bool(verdict.served) and before.state == "fresh"))
        again = ", after it served the new content" if is_back and verdict.served else ""
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
                elsewhere = "nobody looks there" if self._terms.is_origin else "this run did not purge that"
                why = "redirects too often" if is_purged else elsewhere
                # a deleted file is not served any more; whether visitors are to be sent there nobody can tell, but by
                # its own name on another host, or with another scheme, it may be what the edge keeps of that very file
                is_moved = isinstance(what, Gone) and not is_purged and _path_of(url) != _path_of(asked)
                state: Freshness = "unverified" if is_moved else "stale"
                served: Served = "" if is_moved else "a redirect"
                return Verdict(spot.url, state, f"answers {where}; {why}", seen.said, served=served, place=seen.place)
            hops.append(f"by way of {where}")
            there = self.spots[url]  # at the same server or, on another host, at any
            at = next((other.at for other in there if other.server == spot.server), there[0].at)
            if isinstance(what, Gone):  # by its new name it must serve what is there now
                what = self.expected[url]
                if unseen := judge_unseen(spot.url, what):
                    return replace(unseen, reason=": ".join((*hops, unseen.reason)))

    def _fetch(self, url: str, at: str, what: Expected, end: float) -> tuple[Look, tuple[float, float]]:
        """Look at a URL when it is its host's turn; also return how long after the purge it was asked and answered."""
        host, clock = self._hosts[self._turns_of(url, at)], self._scheduler.clock
        if clock.now() < self._not_before.get(at, 0.0):
            raise _NoTurn("the server asked for a pause that is not over")
        if not host.pace.wait_for_turn(end):
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
                self._note_contact(at, error)
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

    def _turns_of(self, url: str, at: str) -> str:
        """Return by whose turns a URL is asked for: its host's, all of whose edges count together, or the origin's."""
        return host_of(at if self._terms.is_origin else url)

    def _raise_if_dead(self, at: str) -> None:
        """Raise ApiError for a server that took no connection several times, unless it is to be tried again now."""
        now = self._scheduler.clock.now()
        with self._lock:
            contact = self._contacts.get(_server_of(at))
            if contact is None or contact.misses < _MOST_MISSES:
                return
            if now >= contact.tried_at + _TRY_AGAIN:
                contact.tried_at = now
                return
        raise ApiError(Failure.AWAY, contact.cause)

    def _note_contact(self, at: str, error: ApiError | None) -> None:
        with self._lock:
            contact = self._contacts.setdefault(_server_of(at), _Contact())
            is_dead = error is not None and error.failure is Failure.AWAY
            contact.misses = contact.misses + 1 if is_dead else 0
            contact.cause = error.cause if error else ""


def _server_of(at: str) -> str:
    return "/".join(at.split("/", 3)[:3])


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
