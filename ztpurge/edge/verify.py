"""Purged URLs -> fresh, stale or unverified: each is fetched until it serves what it must or the time is over.

Hosts are asked politely: a few connections each, growing pauses, and no URL but those that this run purged. What each
must serve is decided in `expected.py`, how it is fetched in `fetch.py`, what follows from that in `judge.py`.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urldefrag, urljoin

from ztpurge.calls.pace import Pace
from ztpurge.calls.scheduler import Pauses, retry_after
from ztpurge.changes.contents import MOST_BYTES_UNKNOWN, Content
from ztpurge.edge.expected import Gone
from ztpurge.edge.judge import Verdict, explain, judge, judge_unseen
from ztpurge.errors import ZtpurgeError
from ztpurge.site.urls import host_of, parse_url
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ztpurge.calls.scheduler import Scheduler
    from ztpurge.edge.expected import Expected
    from ztpurge.edge.fetch import Look
    from ztpurge.edge.judge import Freshness

CONNECTIONS = 4  # to a host at once
_PAUSES = Pauses(first=0.5, longest=8.0)
_MOST_HOPS = 5
_LONGEST_HOLD = 30.0  # seconds
_LONGEST_LOOK = 15.0  # seconds, and what the size takes
_SLOWEST = 2 << 20  # bytes a second
_LIGHT = 1 << 20  # bytes
_MANY = 3  # files of which none is there: it is not that one was not deployed yet
_LEAST_CHANCE = 10.0  # seconds, for those to appear all the same


class _NoTurn(Exception):  # noqa: N818 - no error
    """There is no time left to look."""


class Door(Protocol):
    """The edges as `fetch.Edges` opens them."""

    def look(self, url: str, expected: Content | None, timeout: float) -> Look:
        """Fetch a URL and compare its body; raise ApiError if there is no whole answer."""

    def shown(self, text: str, *, limit: int) -> str:
        """Return what an edge said as everybody may read it."""


class _Host:
    """The URLs of a host, its few connections, and when the next look may start.

    Those of other hosts that redirect to it take their turns too.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self.urls: list[str] = []
        self.scheduler = replace(scheduler, pace=Pace(0, scheduler.clock), concurrency=CONNECTIONS)
        self.connections = threading.BoundedSemaphore(CONNECTIONS)


class Verification:
    """Looks at URLs, of each host no more at once than it is to have.

    `pointer_of` reads the blob of an id and returns what Git LFS serves in its place, None if it is no pointer.
    `purged_at`: when the purge began, on the clock; a copy that an edge fetched since then tells of its origin.
    """

    def __init__(
        self,
        expected: Mapping[str, Expected],
        door: Door,
        scheduler: Scheduler,
        *,
        pointer_of: Callable[[str], Content | None],
        purged_at: float,
    ) -> None:
        self._expected = dict(expected)  # once a blob turns out to be a pointer, what Git LFS serves in its place
        self._door = door
        self._scheduler = scheduler
        self._pointer_of = pointer_of
        self._purged_at = purged_at
        self._latest = {url: judge_unseen(url, what) for url, what in expected.items()}
        self._hosts = {host_of(url): _Host(scheduler) for url in expected}

    def run(self, *, on_verdict: Callable[[Verdict], None], on_round: Callable[[int], None]) -> tuple[Verdict, ...]:
        """Look at each URL until it is fresh or the time is over; in the given order.

        One URL of a host goes ahead, for half of the time at most; a host that has none of the files is left earlier.
        `on_verdict` hears of each URL that was looked at once it is settled, `on_round` of how many of a host are left
        after each round.
        """
        clock = self._scheduler.clock
        began = clock.now()
        lock = threading.Lock()
        for url, verdict in self._latest.items():
            if verdict is None:
                self._hosts[host_of(url)].urls.append(url)
        hosts = [host for host in self._hosts.values() if host.urls]

        def note(url: str, verdict: Verdict) -> bool:
            with lock:
                self._latest[url] = verdict
                if verdict.is_settled:
                    on_verdict(verdict)
                return verdict.is_settled

        several = replace(self._scheduler, concurrency=len(hosts))
        for _ in several.each(hosts, lambda host: self._look_at(host, note, on_round)):
            pass
        with lock:
            lost = {verdict.url: verdict for host in hosts for verdict in self._lost(host)}
            latest = self._latest | {url: replace(verdict, blame="address") for url, verdict in lost.items()}
            seconds, stopped = clock.now() - began, clock.stopped()
            return tuple(explain(url, latest[url], seconds=seconds, stopped=stopped) for url in self._expected)

    def _look_at(self, host: _Host, note: Callable[[str, Verdict], bool], on_round: Callable[[int], None]) -> None:
        """Look at each URL of a host until it is fresh or the time is over."""
        clock, end = host.scheduler.clock, host.scheduler.end
        began = clock.now()
        chance = began + max(_LEAST_CHANCE, (end - began) / 10)
        just_seen: set[str] = set()

        def look(url: str) -> Verdict:
            before = self._latest[url]
            if before and url in just_seen:
                just_seen.discard(url)
                return before
            return self._look(url, before)

        def left() -> list[str]:
            return [url for url in host.urls if not ((verdict := self._latest[url]) and verdict.is_settled)]

        # a look may be what fills an edge with the old file, if the origin is not new yet: one URL finds out for all
        if ahead := self._ahead(host):
            half = host.scheduler.until(began + (end - began) / 2, "the half of the time for one URL")
            for _ in half.rounds([ahead], look, pauses=_PAUSES, on_answer=note):
                verdict = self._latest[ahead]
                if verdict is None or verdict.served != "other content":
                    break
                on_round(len(left()))
            just_seen.add(ahead)
        for _ in host.scheduler.rounds(left(), look, pauses=_PAUSES, on_answer=note):
            if clock.now() >= chance and len(self._lost(host)) >= _MANY:
                break
            on_round(len(left()))

    def _ahead(self, host: _Host) -> str:
        """Return the URL that is looked at before the others: a file that is soon compared, if there is one."""
        expected = self._expected
        light = [url for url in host.urls if not isinstance(w := expected[url], Content) or (w.size or 0) <= _LIGHT]
        return min(light, key=lambda url: isinstance(expected[url], Gone)) if light and len(host.urls) > 1 else ""

    def _lost(self, host: _Host) -> list[Verdict]:
        """Return what was seen of a host's files if none of them is there."""
        files = [self._latest[url] for url in host.urls if isinstance(self._expected[url], Content)]
        lost = [verdict for verdict in files if verdict and verdict.served == "no file"]
        return lost if len(lost) == len(files) else []

    def _look(self, url: str, before: Verdict | None) -> Verdict:
        """Look at a URL once more."""
        looks = before.looks if before else 0
        what = self._expected[url]
        try:
            verdict = self._follow(url, what)
            if isinstance(what, Content) and what.may_be_pointer and verdict.served == "other content":
                verdict = self._follow_pointer(url, what.digest, verdict)
        except _NoTurn:
            return before or Verdict(url, "stale", "not looked at: no time was left", is_seen=False)
        except ZtpurgeError as error:
            verdict = Verdict(url, "stale", f"not seen: {error.cause}", is_seen=False)
        except Exception as bug:  # noqa: BLE001 - whatever one look meets, the reqIds must reach the report
            verdict = Verdict(url, "stale", f"not seen: ztpurge has a bug: {for_log(repr(bug))}", is_seen=False)
        blame = verdict.blame or (before.blame if before and verdict.served else "")  # one look may not tell
        return replace(verdict, looks=looks + 1, blame=blame)

    def _follow_pointer(self, url: str, sha: str, verdict: Verdict) -> Verdict:
        """Compare with what Git LFS serves in the place of a blob, if that is a pointer."""
        try:
            pointer = self._pointer_of(sha)
        except ZtpurgeError as error:
            unknown = f"{verdict.reason}; whether it is a pointer of Git LFS is not known: {error}"
            return replace(verdict, reason=unknown)
        if pointer is None:
            return verdict
        self._expected[url] = pointer
        return judge_unseen(url, pointer) or self._follow(url, pointer)

    def _follow(self, url: str, what: Expected) -> Verdict:
        """Look at a URL and where it points to, as long as those are URLs that were purged too."""
        hops: list[str] = []
        at = url
        while True:
            seen, since_purge = self._fetch(at, what)
            if not seen.location:
                verdict = judge(url, what, seen, since_purge)
                reason = ": ".join(filter(None, (*hops, verdict.reason)))
                return replace(verdict, reason=reason, seconds=since_purge[1])
            asked, at = at, _target(at, seen.location)
            where = f"{seen.status} to {self._door.shown(at, limit=300)}"
            is_purged = at in self._expected
            if not is_purged or len(hops) == _MOST_HOPS:
                why = "redirects too often" if is_purged else "this run did not purge that"
                # a deleted file is not served any more; whether visitors are to be sent there nobody can tell, but by
                # its own name on another host, or with another scheme, it may be what the edge keeps of that very file
                is_moved = isinstance(what, Gone) and not is_purged and _path_of(at) != _path_of(asked)
                state: Freshness = "unverified" if is_moved else "stale"
                return Verdict(url, state, f"answers {where}; {why}", seen.said)
            hops.append(f"by way of {where}")
            if isinstance(what, Gone):  # by its new name it must serve what is there now
                what = self._expected[at]
                if unseen := judge_unseen(url, what):
                    return replace(unseen, reason=": ".join((*hops, unseen.reason)))

    def _fetch(self, url: str, what: Expected) -> tuple[Look, tuple[float, float]]:
        """Look at a URL when it is its host's turn; also return how long after the purge it was asked and answered."""
        host, clock, end = self._hosts[host_of(url)], self._scheduler.clock, self._scheduler.end
        if not host.scheduler.pace.wait_for_turn(end):
            raise _NoTurn
        with host.connections:
            # a round is as long as its slowest, and all wait for the next
            size = (what.size or MOST_BYTES_UNKNOWN) if isinstance(what, Content) else 0
            began = clock.now()
            timeout = min(self._scheduler.request_timeout, _LONGEST_LOOK + size / _SLOWEST, max(end - began, 0.1))
            seen = self._door.look(url, what if isinstance(what, Content) else None, timeout)
            answered = clock.now()
        if seen.status in {429, 503}:
            asked = retry_after(seen.retry_after, now=clock.wall()) if seen.retry_after else None
            host.scheduler.pace.hold(min(asked or 1.0, _LONGEST_HOLD))
        return seen, (began - self._purged_at, answered - self._purged_at)


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
