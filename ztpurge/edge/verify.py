"""Purged URLs -> fresh, stale or unverified: each is looked at, at each of its servers, until it serves what it must.

Hosts are asked politely: growing pauses, and no URL but those that this run purges. How one URL is looked at stands in
`looking.py`, at which servers in `servers.py`.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from ztpurge.calls.scheduler import Pauses
from ztpurge.changes.contents import Content
from ztpurge.edge.expected import Gone
from ztpurge.edge.judge import Verdict, combine, explain, judge_unseen, unlooked
from ztpurge.edge.looking import Looking
from ztpurge.site.urls import host_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ztpurge.calls.scheduler import Scheduler
    from ztpurge.edge.expected import Expected
    from ztpurge.edge.looking import Door, Spot, Terms

_PAUSES = Pauses(first=0.5, longest=8.0)
_LIGHT = 1 << 20  # bytes
_MANY = 3  # files of which none is there: it is not that one was not deployed yet
_LEAST_CHANCE = 10.0  # seconds, for those to appear all the same
_BACK_ONCE = "served the old content again after the new, and was not seen fresh twice since"
_ONCE = "seen fresh once, and not a second time"
_GRACE = 2.0  # seconds, for the rounds of a host to end before they are left


class Verification:
    """What was seen so far of URLs that must serve what is expected of them."""

    def __init__(self, expected: Mapping[str, Expected], door: Door, scheduler: Scheduler, terms: Terms) -> None:
        self._looking = Looking(expected, door, scheduler, terms)
        self._scheduler = scheduler
        self._is_origin = terms.is_origin
        self._unseen = {url: verdict for url, what in expected.items() if (verdict := judge_unseen(url, what))}
        self._latest: dict[Spot, Verdict | None] = {
            spot: None for url, spots in self._looking.spots.items() if url not in self._unseen for spot in spots
        }
        self._by_host: dict[str, list[Spot]] = {}
        for spot in self._latest:
            self._by_host.setdefault(host_of(spot.url), []).append(spot)
        self._twice: set[Spot] = set()  # fresh at a second look, too
        self._back: set[Spot] = set()  # old again once, and not yet seen fresh twice since
        self._began = scheduler.clock.now()
        self._lock = threading.Lock()

    def run(
        self, scheduler: Scheduler, *, on_verdict: Callable[[Verdict], None], on_round: Callable[[int], None]
    ) -> None:
        """Look at each URL that is not settled until it is, or the scheduler's time is over.

        One URL of a host goes ahead, for half of the time at most; a host that has none of the files is left earlier.
        `on_verdict` hears of each URL once it is settled, but not of one that came back; `on_round` of how many of a
        host are left after each round.
        """
        left = Counter(spot.url for spot in self._latest if not self._is_settled(spot))

        def note(spot: Spot, verdict: Verdict) -> bool:
            with self._lock:
                self._latest[spot] = verdict
                left[spot.url] -= verdict.is_settled
                if verdict.is_settled and not left[spot.url] and self._back.isdisjoint(self._looking.spots[spot.url]):
                    on_verdict(self._verdict_on(spot.url))
                return verdict.is_settled

        open_ones = {host: spots for host, spots in self._by_host.items() if not all(map(self._is_settled, spots))}
        self._side_by_side(open_ones, scheduler, lambda spots, few: self._look_at(spots, few, note, on_round))

    def look_back(self, scheduler: Scheduler) -> tuple[Verdict, ...]:
        """Look a second time at what was seen to be fresh; return the verdicts on what serves the old content again.

        What came back once goes first, and counts as old until it is seen fresh twice. What does not answer now stays
        as it was: that is no old copy.
        """
        fresh = {
            host: sorted(
                (spot for spot in spots if self._is_fresh(spot) and spot not in self._twice),
                key=lambda spot: spot not in self._back,
            )
            for host, spots in self._by_host.items()
        }
        returned: dict[str, None] = {}

        def look_at(spots: Sequence[Spot], few: Scheduler) -> None:
            look = self._looking.look
            for spot, verdict in few.each(spots, lambda spot: look(spot, self._latest[spot], end=few.end)):
                with self._lock:
                    if verdict.state == "stale" and verdict.served:
                        self._latest[spot] = verdict
                        self._back.add(spot)
                        returned[spot.url] = None
                    elif verdict.state == "fresh" and verdict is not self._latest[spot]:
                        self._twice.add(spot)
                        self._back.discard(spot)

        self._side_by_side({host: spots for host, spots in fresh.items() if spots}, scheduler, look_at)
        with self._lock:
            return tuple(map(self._verdict_on, returned))

    @property
    def stale(self) -> tuple[Verdict, ...]:
        """The verdicts on what is not fresh yet, and may become so: not on files of a host that has none of many."""
        given_up = {
            spot.url for spots in self._by_host.values() if len(lost := self._lost(spots)) >= _MANY for spot in lost
        }
        return tuple(one for one in self.verdicts if one.state == "stale" and one.url not in given_up)

    @property
    def has_unlooked(self) -> bool:
        """Whether there was no time yet for a first look at something."""
        return None in self._latest.values()

    @property
    def seen_once(self) -> int:
        """How many URLs are fresh, but had no second look."""
        return len({spot.url for spot in self._latest if self._is_fresh(spot) and spot not in self._twice})

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What is known now of each URL, in the given order."""
        clock = self._scheduler.clock
        with self._lock:
            lost = {spot.url for spots in self._by_host.values() for spot in self._lost(spots)}
            seconds, stopped = clock.now() - self._began, clock.stopped()
            found = (explain(self._verdict_on(url), seconds=seconds, stopped=stopped) for url in self._looking.expected)
            return tuple(replace(one, blame="address") if one.url in lost else one for one in found)

    def _side_by_side(
        self,
        spots: Mapping[str, Sequence[Spot]],
        scheduler: Scheduler,
        work: Callable[[Sequence[Spot], Scheduler], None],
    ) -> None:
        """Work on the spots of all hosts at once, of each host on no more than it is to have."""
        several = replace(self._scheduler, concurrency=len(spots), end=scheduler.end + _GRACE)
        few = replace(scheduler, concurrency=self._looking.connections)
        for _ in several.each([*spots.values()], lambda of_host: work(of_host, few)):
            pass

    def _verdict_on(self, url: str) -> Verdict:
        if url in self._unseen:
            return self._unseen[url]
        stopped = self._scheduler.clock.stopped()
        seen = {spot.server: self._latest[spot] or unlooked(url, stopped=stopped) for spot in self._looking.spots[url]}
        for spot in self._looking.spots[url]:
            if seen[spot.server].state == "fresh" and spot in self._back:
                seen[spot.server] = replace(seen[spot.server], state="stale", reason=_BACK_ONCE, is_back=True)
            elif seen[spot.server].state == "fresh" and stopped and not self._is_origin and spot not in self._twice:
                seen[spot.server] = replace(seen[spot.server], state="stale", reason=_ONCE)
        return combine(seen)

    def _is_settled(self, spot: Spot) -> bool:
        verdict = self._latest[spot]
        return verdict is not None and verdict.is_settled

    def _is_fresh(self, spot: Spot) -> bool:
        verdict = self._latest[spot]
        return verdict is not None and verdict.state == "fresh"

    def _look_at(
        self,
        spots: Sequence[Spot],
        few: Scheduler,
        note: Callable[[Spot, Verdict], bool],
        on_round: Callable[[int], None],
    ) -> None:
        """Look at each URL of a host until it is fresh or the time is over."""
        clock, end = few.clock, few.end
        began = clock.now()
        chance = self._began + max(_LEAST_CHANCE, (self._scheduler.end - self._began) / 10)
        just_seen: set[Spot] = set()

        def look(spot: Spot) -> Verdict:
            before = self._latest[spot]
            if before and spot in just_seen:
                just_seen.discard(spot)
                return before
            return self._looking.look(spot, before, end=end)

        def left() -> list[Spot]:
            return [spot for spot in spots if not self._is_settled(spot)]

        def tell() -> None:
            on_round(len({spot.url for spot in left()}))

        # a look may be what fills an edge with the old file, if the origin is not new yet: one URL finds out for all
        if ahead := self._ahead(left()):
            half = few.until(began + (end - began) / 2, "the half of the time for one URL")
            for _ in half.rounds(ahead, look, pauses=_PAUSES, on_answer=note):
                seen = [verdict for spot in ahead if (verdict := self._latest[spot])]
                if not any(verdict.served == "other content" for verdict in seen):
                    break
                tell()
            just_seen.update(ahead)
        for _ in few.rounds(left(), look, pauses=_PAUSES, on_answer=note):
            if not self._is_origin and clock.now() >= chance and len(self._lost(spots)) >= _MANY:
                break
            tell()

    def _ahead(self, spots: Sequence[Spot]) -> list[Spot]:
        """Return where the URL is that goes ahead of the others: a file that is soon compared, if there is one."""
        expected = self._looking.expected
        urls = dict.fromkeys(spot.url for spot in spots)
        light = [url for url in urls if not isinstance(w := expected[url], Content) or (w.size or 0) <= _LIGHT]
        if not light or len(urls) == 1:
            return []
        ahead = min(light, key=lambda url: isinstance(expected[url], Gone))
        return [spot for spot in spots if spot.url == ahead]

    def _lost(self, spots: Sequence[Spot]) -> list[Spot]:
        """Return where a host's files were looked for, if none of them is there."""
        files = [spot for spot in spots if isinstance(self._looking.expected[spot.url], Content)]
        seen = [self._latest[spot] for spot in files]
        return files if all(verdict and verdict.served == "no file" for verdict in seen) else []
