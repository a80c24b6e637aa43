"""What to purge -> the calls that purge it: no URL twice, folded into directories, in batches that the API takes.

Pure, so that a dry run shows exactly what a real run does.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from ztpurge.cdn.forest import BATCH_SIZE
from ztpurge.errors import ZtpurgeError
from ztpurge.site.urls import host_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ztpurge.cdn.fold import Fold

Kind = Literal["urls", "dirs", "prefetch"]


@dataclass(frozen=True, slots=True)
class Batch:
    """One call: up to ten URLs (to purge or to prefetch) or directories of one host, in a project if one is named."""

    kind: Kind
    host: str
    entries: tuple[str, ...]
    project_id: str = ""


@dataclass(frozen=True, slots=True)
class Folded:
    """A URL or directory that needs no entry, because `directory` above it is purged anyway."""

    url: str
    directory: str
    kind: Kind = field(default="urls", compare=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """The calls of a run in their order, and what was folded away; `folds`: directories that nobody asked to purge."""

    batches: tuple[Batch, ...] = ()
    folded: tuple[Folded, ...] = ()
    folds: tuple[Fold, ...] = ()

    @property
    def size(self) -> int:
        """The number of URLs and directories that are sent."""
        return sum(len(batch.entries) for batch in self.batches)


def make_plan(urls: Iterable[str], dirs: Iterable[str], *, projects: Mapping[str, str] | None = None) -> Plan:
    """Plan the purge of URLs and directories as `urls.py` spells them; hosts and entries keep their given order.

    `projects` has the project id of each host that needs one.
    """
    directories = frozenset(dirs := tuple(dict.fromkeys(dirs)))
    folded: list[Folded] = []
    entries: list[tuple[Kind, str]] = []
    given: list[tuple[Kind, str]] = [*(("urls", url) for url in dict.fromkeys(urls)), *(("dirs", one) for one in dirs)]
    for kind, entry in given:
        above = _directory_above(entry, directories, itself=kind == "urls")
        if above:
            folded.append(Folded(entry, above, kind))
        else:
            entries.append((kind, entry))
    return Plan(_batches(entries, projects or {}), tuple(folded))


def keep_within(
    plan: Plan, most: int, *, unchanged_below: Callable[[str], int | None], projects: Mapping[str, str] | None = None
) -> Plan:
    """Fold entries of a plan into directories until `most` calls do; raise ZtpurgeError if so few never can.

    `unchanged_below` counts the files below a directory that need no purge, None where nobody knows.
    """
    from ztpurge.cdn.fold import fold  # noqa: PLC0415 - 5 ms that only runs with a budget need

    urls, dirs = (
        [entry for batch in plan.batches if batch.kind == kind for entry in batch.entries] for kind in ("urls", "dirs")
    )
    folds = fold(urls, dirs, most=most, unchanged_below=unchanged_below)
    again = make_plan(urls, [*dirs, *(one.directory for one in folds)], projects=projects)
    above = {one.url: one.directory for one in again.folded if one.kind == "dirs"}
    earlier = (replace(one, directory=above.get(one.directory, one.directory)) for one in plan.folded)
    return Plan(again.batches, (*earlier, *again.folded), folds)


def plan_prefetch(urls: Iterable[str], *, projects: Mapping[str, str] | None = None) -> Plan:
    """Plan the prefetch of URLs, by the same limits and in the same projects."""
    return Plan(_batches((("prefetch", url) for url in dict.fromkeys(urls)), projects or {}))


def _batches(entries: Iterable[tuple[Kind, str]], projects: Mapping[str, str]) -> tuple[Batch, ...]:
    by_host: dict[str, dict[Kind, list[str]]] = {}
    for kind, entry in entries:
        by_host.setdefault(host_of(entry), {"urls": [], "dirs": [], "prefetch": []})[kind].append(entry)
    return tuple(
        Batch(kind, host, tuple(listed[start : start + BATCH_SIZE]), projects.get(host, ""))
        for host, kinds in by_host.items()
        for kind, listed in kinds.items()
        for start in range(0, len(listed), BATCH_SIZE)
    )


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
