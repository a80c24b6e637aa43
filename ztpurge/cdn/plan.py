"""What to purge -> the calls that purge it: no URL twice, folded into directories, in batches that the API takes.

Pure, so that a dry run shows exactly what a real run does. Which URL comes before which is decided in `site/order.py`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Literal

from ztpurge.cdn.fold import Fold, fold
from ztpurge.cdn.forest import BATCH_SIZE
from ztpurge.errors import ZtpurgeError
from ztpurge.site.order import Rank
from ztpurge.site.urls import host_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    _Sorted = dict[tuple[str, "Kind"], dict[Rank, list[str]]]

Kind = Literal["urls", "dirs", "prefetch"]


@dataclass(frozen=True, slots=True)
class Batch:
    """One call: up to ten URLs (to purge or to prefetch) or directories of one host, in a project if one is named.

    The calls of the second `wave` are made once those of the first are done.
    """

    kind: Kind
    host: str
    entries: tuple[str, ...]
    project_id: str = ""
    wave: int = 1


@dataclass(frozen=True, slots=True)
class Folded:
    """A URL or directory that needs no entry, because `directory` above it is purged anyway."""

    url: str
    directory: str
    kind: Kind = field(default="urls", compare=False)


@dataclass(frozen=True, slots=True)
class Wave:
    """A part of the calls of a plan: the one of that number, of so many; `verb` says in a word or two what is done."""

    number: int = 1
    total: int = 1
    verb: str = "Purge"

    @property
    def is_last(self) -> bool:
        """Whether no other follows."""
        return self.number == self.total


ONLY, AGAIN = Wave(), Wave(verb="Purge again")


@dataclass(frozen=True, slots=True)
class Plan:
    """The calls of a run in their order, and what was folded away; `folds`: directories that nobody asked to purge.

    `lacks_wave`: there is one wave where there should be two, since those would take too many calls.
    """

    batches: tuple[Batch, ...] = ()
    folded: tuple[Folded, ...] = ()
    folds: tuple[Fold, ...] = ()
    lacks_wave: bool = False

    @property
    def size(self) -> int:
        """The number of URLs and directories that are sent."""
        return sum(len(batch.entries) for batch in self.batches)

    @property
    def waves(self) -> tuple[Wave, ...]:
        """The waves, of which there is always one."""
        total = max((batch.wave for batch in self.batches), default=1)
        return tuple(Wave(number, total) for number in range(1, total + 1))


def make_plan(
    urls: Iterable[str],
    dirs: Iterable[str],
    *,
    ranks: Mapping[str, Rank] | None = None,
    projects: Mapping[str, str] | None = None,
    most_in_waves: float = 0,
) -> Plan:
    """Plan the purge of URLs and directories as `urls.py` spells them, by rank; hosts and entries of one as given.

    A URL without a rank counts as a page; so does a directory, unless all that is folded into it has one other rank.
    `projects` has the project id of each host that needs one. Assets go ahead in a wave of their own, as long as two
    waves take no more than `most_in_waves` calls.
    """
    ranks = ranks or {}
    directories = frozenset(dirs := tuple(dict.fromkeys(dirs)))
    folded: list[Folded] = []
    below: defaultdict[str, set[Rank]] = defaultdict(set)
    entries: dict[Kind, list[str]] = {"urls": [], "dirs": []}
    kinds: tuple[tuple[Kind, Iterable[str]], ...] = ("urls", dict.fromkeys(urls)), ("dirs", dirs)
    for kind, given in kinds:
        for entry in given:
            above = _directory_above(entry, directories, itself=kind == "urls")
            if above:
                folded.append(Folded(entry, above, kind))
                below[above].add(Rank.PAGE if kind == "dirs" else ranks.get(entry, Rank.PAGE))
            else:
                entries[kind].append(entry)

    def rank(kind: Kind, entry: str) -> Rank:
        if kind == "urls":
            return ranks.get(entry, Rank.PAGE)
        return min(below[entry]) if len(below[entry]) == 1 else Rank.PAGE

    sorted_out = _sort_out((kind, entry, rank(kind, entry)) for kind in entries for entry in entries[kind])
    found = {rank for by_rank in sorted_out.values() for rank in by_rank}
    has_two = most_in_waves > 0 and Rank.ASSET in found and len(found) > 1
    batches = _batches(sorted_out, projects or {}, in_waves=has_two)
    lacks_wave = has_two and len(batches) > most_in_waves
    if lacks_wave:
        batches = _batches(sorted_out, projects or {})
    return Plan(batches, tuple(folded), lacks_wave=lacks_wave)


def keep_within(
    plan: Plan,
    most: int,
    *,
    unchanged_below: Callable[[str], int | None],
    ranks: Mapping[str, Rank] | None = None,
    projects: Mapping[str, str] | None = None,
) -> Plan:
    """Fold entries of a plan into directories until `most` calls do; raise ZtpurgeError if so few never can.

    `unchanged_below` counts the files below a directory that need no purge, None where nobody knows.
    """
    if len(plan.batches) <= most:
        return plan
    urls, dirs = (
        [entry for batch in plan.batches if batch.kind == kind for entry in batch.entries] for kind in ("urls", "dirs")
    )
    folds = fold(urls, dirs, most=most, unchanged_below=unchanged_below)
    again = make_plan(
        [*urls, *(one.url for one in plan.folded if one.kind == "urls")],
        [*dirs, *(one.url for one in plan.folded if one.kind == "dirs"), *(one.directory for one in folds)],
        ranks=ranks,
        projects=projects,
        most_in_waves=most if len(plan.waves) > 1 or plan.lacks_wave else 0,
    )
    return replace(again, folds=folds)


def plan_prefetch(urls: Iterable[str], *, projects: Mapping[str, str] | None = None) -> Plan:
    """Plan the prefetch of URLs, by the same limits and in the same projects."""
    return Plan(_batches(_sort_out(("prefetch", url, Rank.PAGE) for url in dict.fromkeys(urls)), projects or {}))


def _sort_out(entries: Iterable[tuple[Kind, str, Rank]]) -> _Sorted:
    """Return entries by host and kind, each host's together, then by rank."""
    by_host: dict[str, dict[Kind, dict[Rank, list[str]]]] = {}
    for kind, entry, rank in entries:
        kinds = by_host.setdefault(host_of(entry), {"urls": {}, "dirs": {}, "prefetch": {}})
        kinds[kind].setdefault(rank, []).append(entry)
    return {(host, kind): by_rank for host, kinds in by_host.items() for kind, by_rank in kinds.items()}


def _batches(sorted_out: _Sorted, projects: Mapping[str, str], *, in_waves: bool = False) -> tuple[Batch, ...]:
    """Cut the entries of each host and kind into calls, in the order of the ranks over all of them."""
    cut: list[tuple[tuple[Rank, Rank], Batch]] = []
    for (host, kind), by_rank in sorted_out.items():
        ranks = [rank for rank in sorted(by_rank) for _ in by_rank[rank]]
        listed = [entry for rank in sorted(by_rank) for entry in by_rank[rank]]
        ahead = len(by_rank.get(Rank.ASSET, ())) if in_waves else 0
        starts = [*range(0, ahead, BATCH_SIZE), *range(ahead, len(listed), BATCH_SIZE)]
        for start, end in pairwise([*starts, len(listed)]):
            wave = 2 if in_waves and start >= ahead else 1
            batch = Batch(kind, host, tuple(listed[start:end]), projects.get(host, ""), wave)
            cut.append(((ranks[start], ranks[end - 1]), batch))
    return tuple(batch for _, batch in sorted(cut, key=itemgetter(0)))


def raise_if_too_many(plan: Plan, max_urls: int) -> None:
    """Raise ZtpurgeError if the plan sends more than `max_urls` entries."""
    if plan.size > max_urls:
        raise ZtpurgeError(
            f"{plan.size} URLs and directories would be purged, more than the {max_urls} of max-urls",
            remedy="If that is meant, raise `max-urls`; else purge a whole directory with `dirs`, or narrow `include`",
            place="max-urls",
        )


def _directory_above(url: str, directories: frozenset[str], *, itself: bool) -> str | None:
    """Return the topmost of `directories` that holds `url`; the URL of the directory itself counts if `itself`."""
    end = url.find("/", url.find("://") + 3) + 1
    while directories and 0 < end < len(url) + itself:
        if url[:end] in directories:
            return url[:end]
        end = url.find("/", end) + 1
    return None
