"""A budget of calls -> the directories to purge in the place of single URLs, with as few unchanged files as possible.

Pure. `plan.py` makes the calls; who counts the unchanged files below a directory is the caller's affair.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ztpurge.cdn.forest import count_calls, plant_forest
from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ztpurge.cdn.forest import Forest

EXACT_UP_TO = 200  # directories that hold entries themselves


@dataclass(frozen=True, slots=True)
class Fold:
    """A directory that is purged in the place of the entries below it."""

    directory: str
    entries: int
    unchanged: int | None  # files purged along though they did not change; None: nobody can tell


def fold(
    urls: Sequence[str],
    dirs: Sequence[str],
    *,
    most: int,
    unchanged_below: Callable[[str], int | None],
    exact_up_to: int = EXACT_UP_TO,
) -> tuple[Fold, ...]:
    """Choose directories such that `most` calls purge all of `urls` and `dirs`; each is given once, none below another.

    Few directories of which nobody knows what else they hold come first, then few unchanged files, then few
    directories, then deep ones. The choice is the best if up to `exact_up_to` directories hold entries, else near it.
    `unchanged_below` is asked what the purge of a directory takes along: never less than that of one below it.
    Raises ZtpurgeError for a budget below one call for each host and each kind, URLs and directories, that it has.
    """
    if not urls and not dirs:
        return ()
    forest = plant_forest(urls, dirs)
    _raise_if_too_few(forest, most)
    if forest.calls(()) <= most:
        return ()
    from ztpurge.cdn.choice import Task, choose  # noqa: PLC0415 - 2 ms that only runs which fold need

    unchanged = [unchanged_below(directory) for directory in forest.directories]
    holding = sum(entries < after for entries, after in zip(forest.entries, forest.entries[1:], strict=False))
    chosen = choose(Task(forest, _rank(forest.directories, unchanged), most), exactly=holding <= exact_up_to)
    return tuple(
        Fold(
            forest.directories[number], forest.entries[forest.ends[number]] - forest.entries[number], unchanged[number]
        )
        for number in chosen
    )


def _raise_if_too_few(forest: Forest, most: int) -> None:
    left = zip(forest.hosts, forest.left(()), strict=True)
    least = sum(max((urls > 0) + (dirs > 0), count_calls(0, host.trees)) for host, (urls, dirs) in left)
    if most < least:
        raise ZtpurgeError(
            f"a budget of {most} calls is too small: a call takes URLs or directories, and those of one host",
            remedy=f"Set it to {least} or more, or to 0 to purge each URL by itself",
            place="max-requests",
        )


def _rank(directories: Sequence[str], unchanged: Sequence[int | None]) -> tuple[int, ...]:
    """Return a cost for each directory, such that the better of two choices has the lower sum of costs."""
    deepest = max(directory.count("/") for directory in directories)
    a_fold = deepest * len(directories) + 1
    a_file = (a_fold + deepest) * len(directories) + 1
    not_known = a_file * (sum(count or 0 for count in unchanged) + 1)
    return tuple(
        (not_known if count is None else a_file * count) + a_fold + deepest - directory.count("/")
        for directory, count in zip(directories, unchanged, strict=True)
    )
