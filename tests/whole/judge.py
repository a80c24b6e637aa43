"""The judge of a history: what each run owed, found from the deployed files and the layout, is compared with edges and
origin, with the calls that the API got, and with what the run named.

After a green run no URL is stale at any edge; after a red or killed one each stale URL was named, or the next run deals
with it. Nothing is purged that an origin which can be asked does not have yet.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.whole.layouts import LINKS, MIRROR, VENDOR, Entry, Layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sandbox import Call, Reply, Sandbox

_MOST_NEEDED = 4  # calls that purge anything: URLs and directories, of two hosts
_LATE = "Nothing was purged: the origin "


@dataclass(slots=True)
class Tally:
    """What happened in a history, and what should not have."""

    counts: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Behind:
    """The URLs of which the origin still had the old content when a run began, and until when at least it had that."""

    urls: frozenset[str] = frozenset()
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: its exit code (negative if a signal ended it at once), what it named, which purges it sent."""

    exit_code: int
    outputs: dict[str, str]
    log: str
    which: str = ""
    budget: int = 0
    was_cancelled: bool = False
    calls: tuple[Call, ...] = ()
    behind: Behind = Behind()

    @property
    def was_held_back(self) -> bool:
        """Whether it says that the origin was late."""
        return _LATE in self.log

    def named(self, *names: str) -> set[str]:
        """Return the URLs of some outputs."""
        return {url for name in names for url in json.loads(self.outputs.get(name) or "[]")}

    @property
    def accepted(self) -> set[Entry]:
        """What the API said that it would purge."""
        return {(call.kind, entry) for call in self.calls if call.accepted and call.kind for entry in call.entries}


class Judge:
    """Knows what was deployed and purged so far, and notes in the tally what should not have happened."""

    def __init__(self, layout: Layout, cdn: Sandbox, tally: Tally, *, needs_sight: bool = False) -> None:
        self.unknowable: set[str] = set()  # deleted files that no manifest knows of: a warning says so
        self._layout = layout
        self._cdn = cdn
        self._tally = tally
        # what a link serves git does not say, nor a build if that is nothing: nobody can compare it
        self._unseen = {*LINKS} if needs_sight else set[str]()
        self._deployed: Mapping[str, bytes] = {}
        self._names: set[str] = set()  # every file that was ever served
        self._green: Mapping[str, bytes] = {}  # what was deployed at the last green run
        self._accepted: set[Entry] = set()  # for purge since then
        self._has_told = False  # a green run, since then, that nobody can look into the linked folder
        self._owed: set[str] = set()  # stale URLs that no run has named
        self._vendor_seen = ""  # the submodule as the last green run knew it

    def see_deployed(self, tree: Mapping[str, bytes]) -> None:
        """Take in what is served from now on, by the names of the files."""
        self._deployed = tree
        self._names |= tree.keys()

    def see_named(self, names: Iterable[str]) -> None:
        """Take in names of files that may be purged, though they may never be served."""
        self._names.update(names)

    def watched(self) -> dict[str, Entry]:
        """Return each URL that ever served something of a file, and what must be purged for that."""
        watched = {url: entry for name in sorted(self._names) for url, entry in self._layout.watched(name)}
        for name in self.unknowable | self._unseen:
            for url, _ in self._layout.watched(name):
                watched.pop(url, None)
        return watched

    def find_behind(self, until: float) -> Behind:
        """Find what the origin, which is held up to a moment, does not serve yet."""
        serves = {url: (self._cdn.get_from_origin(url), self._cdn.get_from_folder(url)) for url in self.watched()}
        return Behind(frozenset(url for url, (now, then) in serves.items() if _said(now) != _said(then)), until)

    def judge(self, ended: Ended, *, is_whole: bool, vendor: str, claimed: set[str]) -> None:
        """Compare edges and origin for every URL that there ever was.

        `is_whole`: the run's commit was deployed; `vendor`: what that has for the submodule; `claimed`: the files that
        the run's manifest has as purged, which the next run takes for granted.
        """
        watched = self.watched()
        stale = {url for url in watched if not self._is_fresh(url)}
        green = ended.exit_code == 0
        self._tally.counts["green" if green else "red"] += 1
        self._tally.counts["stale URLs after red runs"] += 0 if green else len(stale)
        self._accepted |= ended.accepted
        self._has_told |= green and f"{self._layout.top}/{MIRROR}" in ended.log
        self._judge_calls(ended)
        self._judge_origin(ended)
        if green:
            if vendor != self._vendor_seen:
                self._judge_folder(VENDOR, ended.accepted, ended)
            self._vendor_seen = vendor
        others = {url for name in self._names - claimed for url, _ in self._layout.watched(name)}
        sure = {url for name in claimed for url, _ in self._layout.watched(name)} - others
        self._complain(sure & stale, "stale, and purged by the manifest", ended)
        named = ended.named("failed-urls", "stale-urls")
        unnamed = {url for url in stale if url not in named and watched[url][1] not in named}
        if ended.was_held_back:
            self._complain(unnamed - self._owed, "stale, and not named though the origin was late", ended)
        if not is_whole:  # it owes only what its own commit changed; the rest stays for the next
            self._owed |= unnamed
            return
        if ended.outputs and ended.exit_code != 2:  # one that was cancelled before it knew its range hands the debt on
            purged: set[Entry] = {("urls", url) for url in ended.named("purged-urls")}
            purged |= {("dirs", url) for url in ended.named("purged-dirs")}
            unpaid = {url for url in self._owed & unnamed if _lacking([watched[url]], purged)}
            self._complain(unpaid, "neither named by the red run before nor dealt with by this one", ended)
        if green:
            self._complain(stale, "stale after a green run", ended)
            self._judge_changes(ended)
            self._owed = set()
        elif ended.outputs:
            self._owed = unnamed
        else:
            self._owed |= stale

    def _judge_changes(self, ended: Ended) -> None:
        """Whatever differs from the last green run must have been purged, though nobody may have asked for it since."""
        names = (self._green.keys() | self._deployed.keys()) - self.unknowable
        changed = {name for name in names if self._green.get(name) != self._deployed.get(name)}
        needed = {entry for name in changed for _, entry in self._layout.watched(name)}
        self._complain(_lacking(needed, self._accepted), "changed, but not purged", ended)
        if not self._layout.built and any(name.startswith(f"{MIRROR}/") for name in changed):
            self._judge_folder(MIRROR, self._accepted, ended, has_told=self._has_told)
        self._green, self._accepted, self._has_told = self._deployed, set(), False

    def _judge_folder(self, name: str, accepted: set[Entry], ended: Ended, *, has_told: bool = False) -> None:
        """Nobody can look into a folder that changed: it must be purged whole or, where no rule says so, be named."""
        needed, is_more = self._layout.folder(name)
        if is_more and not has_told and f"{self._layout.top}/{name}" not in ended.log:
            self._complain({name}, "changed, and a green run did not say so", ended)
        self._complain(_lacking(needed, accepted), f"not purged for the folder {name}", ended)

    def _judge_calls(self, ended: Ended) -> None:
        """No call is for what no changed file asks for, and there are no more of them than the budget allows."""
        is_refused = ended.exit_code == 2 and "max-requests: a budget of" in ended.log
        self._tally.counts["runs: refused a budget"] += is_refused
        self._tally.counts["directories purged"] += sum(kind == "dirs" for kind, _ in ended.accepted)
        if is_refused and ended.budget >= _MOST_NEEDED:
            self._complain({f"{ended.budget}"}, "calls are enough, but were refused", ended)
        if ended.exit_code not in {0, 1} and not is_refused and not ended.was_cancelled:
            self._complain({"-"}, f"exit code {ended.exit_code}", ended)
        planned: list[Call] = []  # less tries of what was sent before, or of a part of it
        for call in ended.calls:
            if not any(call.kind == other.kind and {*call.entries} <= {*other.entries} for other in planned):
                planned.append(call)
        if ended.budget and len(planned) > ended.budget:
            self._complain({f"{len(planned)}"}, f"calls, and a budget of {ended.budget}", ended)
        known = {entry for name in {*self._names, *LINKS} for _, entry in self._layout.watched(name)}
        known |= {entry for folder in (VENDOR, *LINKS) for entry in self._layout.folder(folder)[0]}
        above = {url[: end + 1] for _, url in known for end, char in enumerate(url) if char == "/"}
        sent = {(call.kind, entry) for call in ended.calls if call.kind for entry in call.entries}
        beside = {url for kind, url in sent - known if not (ended.budget and kind == "dirs" and url in above)}
        self._complain(beside, "purged for no file that ever was", ended)

    def _judge_origin(self, ended: Ended) -> None:
        """What the origin does not serve yet is not purged, nor is anything of a run that found it late."""
        self._tally.counts["runs: held back, as the origin was late"] += ended.was_held_back
        for call in ended.calls:
            if ended.was_held_back:
                self._complain({*call.entries}, "purged, though the origin was late", ended)
            if call.started < ended.behind.until:
                folders = call.entries if call.kind == "dirs" else ()
                early = {url for url in ended.behind.urls if url in call.entries or url.startswith(folders)}
                self._complain(early, "purged before the origin had it", ended)

    def _complain(self, urls: set[str], what: str, ended: Ended) -> None:
        if urls:
            self._tally.violations.append(f"{ended.which}: {sorted(urls)} {what}\n{ended.log}")

    def _is_fresh(self, url: str) -> bool:
        should = _said(self._cdn.get_from_folder(url))
        return all(_said(self._cdn.get(url, edge=edge)) == should for edge in self._cdn.edges)


def _said(reply: Reply) -> tuple[int, bytes]:
    return reply.status, reply.body


def _lacking(needed: Iterable[Entry], purged: set[Entry]) -> set[str]:
    """Return what was purged neither by itself nor with a directory above."""
    dirs = tuple(url for kind, url in purged if kind == "dirs")
    return {url for kind, url in needed if (kind, url) not in purged and not url.startswith(dirs)}
