"""Purged URLs -> fresh, stale or unverified: each is fetched until it serves what it must or the time is over.

Hosts are asked politely: a few connections each, growing pauses, and no URL but those that this run purged. What each
must serve is decided in `expected.py`, how it is fetched in `edge.py`, what follows from that in `verdict.py`.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urldefrag, urljoin

from ztpurge.calls.pace import Pace
from ztpurge.calls.patience import Patience
from ztpurge.calls.retry import retry_after
from ztpurge.calls.rounds import Pauses, ask_in_rounds
from ztpurge.calls.workers import as_completed
from ztpurge.changes.contents import MOST_BYTES_UNKNOWN, Content
from ztpurge.edge.expected import Gone
from ztpurge.edge.judge import Verdict, explain, judge, judge_unseen
from ztpurge.errors import ZtpurgeError
from ztpurge.site.urls import host_of, parse_url
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ztpurge.calls.clock import Clock
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
    """The edges as `edge.Edges` opens them."""

    def look(self, url: str, expected: Content | None, timeout: float) -> Look:
        """Fetch a URL and compare its body."""


def verify(  # noqa: PLR0913 - each a thing that tests replace
    expected: Mapping[str, Expected],
    *,
    door: Door,
    pointer_of: Callable[[str], Content | None],
    request_timeout: float,
    purged_at: float,
    end: float,
    clock: Clock,
    jitter: Callable[[], float],
    redact: Callable[[str], str] = lambda text: text,
    on_verdict: Callable[[Verdict], None] = lambda _verdict: None,
    on_round: Callable[[int], None] = lambda _left: None,
) -> tuple[Verdict, ...]:
    """Look at each URL until it is fresh or it is `end` on the clock; in the given order.

    One URL of a host goes ahead, for half of the time at most; a host that has none of the files is left earlier.
    `pointer_of` reads the blob of an id and returns what Git LFS serves in its place, None if it is no pointer.
    `redact` takes secrets out of what an edge says before it is shown. `purged_at`: when the purge began, on the clock;
    a copy that an edge fetched since then tells of its origin.
    `on_verdict` hears of each URL that was looked at once it is settled, `on_round` of how many of a host are left
    after each round.
    """
    began = clock.now()
    latest = {url: judge_unseen(url, what) for url, what in expected.items()}
    by_host: dict[str, list[str]] = {}
    for url, verdict in latest.items():
        if verdict is None:
            by_host.setdefault(host_of(url), []).append(url)
    lock = threading.Lock()
    looks = _Looks(expected, door, pointer_of, request_timeout, purged_at, end, clock, redact)

    def note(verdict: Verdict) -> None:
        with lock:
            latest[verdict.url] = verdict
            if verdict.is_settled:
                on_verdict(verdict)

    hosts = [_Files(urls, looks, latest, note, on_round, jitter) for urls in by_host.values()]
    for _ in as_completed(_Files.look, hosts, concurrency=len(hosts), give_up=Patience(end, clock).is_over):
        pass
    with lock:
        for host in hosts:
            latest |= {verdict.url: replace(verdict, blame="address") for verdict in host.lost()}
        return tuple(
            explain(url, verdict, seconds=clock.now() - began, stopped=clock.stopped())
            for url, verdict in latest.items()
        )


class _Files:
    """What is looked at of a host: one URL goes ahead, and all are left early if none of the files is there."""

    def __init__(  # noqa: PLR0913, PLR0917 - private, and called once
        self,
        urls: Sequence[str],
        looks: _Looks,
        latest: Mapping[str, Verdict | None],
        note: Callable[[Verdict], None],
        on_round: Callable[[int], None],
        jitter: Callable[[], float],
    ) -> None:
        self._urls = urls
        self._looks = looks
        self._latest = latest
        self._note = note
        self._on_round = on_round
        self._jitter = jitter
        self._just_seen: set[str] = set()

    def look(self) -> None:
        """Look at each URL until it is fresh or the time is over."""
        began, end = self._looks.clock.now(), self._looks.end
        # a look may be what fills an edge with the old file, if the origin is not new yet: one URL finds out for all
        if ahead := self._ahead():
            self._look_at([ahead], end=began + (end - began) / 2, is_enough=lambda: not self._is_old(ahead))
            self._just_seen.add(ahead)
        chance = began + max(_LEAST_CHANCE, (end - began) / 10)
        self._look_at(
            self._left(),
            end=end,
            is_enough=lambda: self._looks.clock.now() >= chance and len(self.lost()) >= _MANY,
        )

    def lost(self) -> list[Verdict]:
        """Return what was seen of the host's files if none of them is there."""
        files = [self._latest[url] for url in self._urls if isinstance(self._looks.expected[url], Content)]
        lost = [verdict for verdict in files if verdict and verdict.served == "no file"]
        return lost if len(lost) == len(files) else []

    def _look_at(self, urls: Sequence[str], *, end: float, is_enough: Callable[[], bool]) -> None:
        ask_in_rounds(
            self._look_once,
            urls,
            pauses=_PAUSES,
            concurrency=CONNECTIONS,
            end=end,
            clock=self._looks.clock,
            jitter=self._jitter,
            on_answer=lambda _url, verdict: self._note(verdict),
            on_round=lambda _left: self._on_round(len(self._left())),
            is_enough=is_enough,
        )

    def _look_once(self, url: str, _before: Verdict | None) -> Verdict:
        before = self._latest[url]
        if before and url in self._just_seen:
            self._just_seen.discard(url)
            return before
        return self._looks.look(url, before)

    def _left(self) -> list[str]:
        return [url for url in self._urls if not ((verdict := self._latest[url]) and verdict.is_settled)]

    def _ahead(self) -> str:
        """Return the URL that is looked at before the others: a file that is soon compared, if there is one."""
        expected = self._looks.expected
        light = [url for url in self._urls if not isinstance(w := expected[url], Content) or (w.size or 0) <= _LIGHT]
        return min(light, key=lambda url: isinstance(expected[url], Gone)) if light and len(self._urls) > 1 else ""

    def _is_old(self, url: str) -> bool:
        verdict = self._latest[url]
        return verdict is not None and verdict.served == "other content"


class _Host:
    """A few connections, and when the next look may start; those that redirect to a host take their turns too."""

    def __init__(self, clock: Clock) -> None:
        self.pace = Pace(0, clock)
        self.connections = threading.BoundedSemaphore(CONNECTIONS)


class _Looks:
    """Looks at URLs, of each host no more at once than it is to have."""

    def __init__(  # noqa: PLR0913, PLR0917 - private, and called once
        self,
        expected: Mapping[str, Expected],
        door: Door,
        pointer_of: Callable[[str], Content | None],
        request_timeout: float,
        purged_at: float,
        end: float,
        clock: Clock,
        redact: Callable[[str], str],
    ) -> None:
        self._redact = redact
        self.expected = expected
        self._door = door
        self._pointer_of = pointer_of
        self._request_timeout = request_timeout
        self._purged_at = purged_at
        self.end = end
        self.clock = clock
        self._hosts = {host_of(url): _Host(clock) for url in expected}
        self._served_by_lfs: dict[str, Content] = {}

    def look(self, url: str, before: Verdict | None) -> Verdict:
        """Look at a URL once more."""
        looks = before.looks if before else 0
        what = self._what(url)
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
        self._served_by_lfs[url] = pointer
        return judge_unseen(url, pointer) or self._follow(url, pointer)

    def _follow(self, url: str, what: Expected) -> Verdict:
        """Look at a URL and where it points to, as long as those are URLs that were purged too."""
        hops: list[str] = []
        at = url
        while True:
            seen, since_purge = self._look(at, what)
            if not seen.location:
                verdict = judge(url, what, seen, since_purge)
                return replace(verdict, reason=": ".join(filter(None, (*hops, verdict.reason))))
            asked, at = at, _target(at, seen.location)
            where = f"{seen.status} to {for_log(self._redact(at), limit=300)}"
            is_purged = at in self.expected
            if not is_purged or len(hops) == _MOST_HOPS:
                why = "redirects too often" if is_purged else "this run did not purge that"
                # a deleted file is not served any more; whether visitors are to be sent there nobody can tell, but by
                # its own name on another host, or with another scheme, it may be what the edge keeps of that very file
                is_moved = isinstance(what, Gone) and not is_purged and _path_of(at) != _path_of(asked)
                state: Freshness = "unverified" if is_moved else "stale"
                return Verdict(url, state, f"answers {where}; {why}", seen.said)
            hops.append(f"by way of {where}")
            if isinstance(what, Gone):  # by its new name it must serve what is there now
                what = self._what(at)
                if unseen := judge_unseen(url, what):
                    return replace(unseen, reason=": ".join((*hops, unseen.reason)))

    def _what(self, url: str) -> Expected:
        return self._served_by_lfs.get(url) or self.expected[url]

    def _look(self, url: str, what: Expected) -> tuple[Look, tuple[float, float]]:
        """Look at a URL when it is its host's turn; also return how long after the purge it was asked and answered."""
        host = self._hosts[host_of(url)]
        if not host.pace.wait_for_turn(self.end):
            raise _NoTurn
        with host.connections:
            timeout = min(self._request_timeout, _patience_for(what), max(self.end - self.clock.now(), 0.1))
            began = self.clock.now()
            seen = self._door.look(url, what if isinstance(what, Content) else None, timeout)
            answered = self.clock.now()
        if seen.status in {429, 503}:
            asked = retry_after(seen.retry_after, now=self.clock.wall()) if seen.retry_after else None
            host.pace.hold(min(asked or 1.0, _LONGEST_HOLD))
        return seen, (began - self._purged_at, answered - self._purged_at)


def _patience_for(what: Expected) -> float:
    """Return the seconds that a look may take: a round is as long as its slowest, and all wait for the next."""
    size = (what.size or MOST_BYTES_UNKNOWN) if isinstance(what, Content) else 0
    return _LONGEST_LOOK + size / _SLOWEST


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
