"""The directories that hold what is to be purged, as trees, and the calls that it takes to purge some of them whole.

Pure. `choice.py` chooses among them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise
from typing import TYPE_CHECKING

from ztpurge.site.urls import host_of

if TYPE_CHECKING:
    from collections.abc import Sequence

BATCH_SIZE = 10  # the vendor's document: at most ten entries a call, all of one domain

# Which directories are purged whole: their numbers in the forest, ascending, none below another
Choice = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Host:
    """The directories of a host, by their numbers from `start` to `end`, in so many trees: one a scheme and port."""

    start: int
    end: int
    trees: int


@dataclass(frozen=True, slots=True)
class Forest:
    """Directories, numbered so that those below one follow it, up to `ends`; a host's stand together.

    They are those that hold an entry themselves and those where the ways to them part: no other is worth purging, as
    one below it holds the same entries. `entries` and `dirs` count all entries, and the directories among them, that
    are held before each number.
    """

    directories: tuple[str, ...]
    ends: tuple[int, ...]
    entries: tuple[int, ...]
    dirs: tuple[int, ...]
    hosts: tuple[Host, ...]

    def tops(self) -> Choice:
        """Return the choice that purges everything."""
        tops = [0]
        while self.ends[tops[-1]] < len(self.ends):
            tops.append(self.ends[tops[-1]])
        return tuple(tops)

    def left(self, chosen: Choice) -> list[tuple[int, int]]:
        """Return the URLs and the directories to send for each host."""
        left = []
        place = 0
        for host in self.hosts:
            entries, dirs = (row[host.end] - row[host.start] for row in (self.entries, self.dirs))
            while place < len(chosen) and chosen[place] < host.end:
                i = chosen[place]
                entries -= self.entries[self.ends[i]] - self.entries[i] - 1
                dirs -= self.dirs[self.ends[i]] - self.dirs[i] - 1
                place += 1
            left.append((entries - dirs, dirs))
        return left

    def calls(self, chosen: Choice) -> int:
        """Return how many calls purge everything."""
        return sum(count_calls(urls, dirs) for urls, dirs in self.left(chosen))


def count_calls(urls: int, dirs: int) -> int:
    """Return how many calls so many URLs and directories of one host take."""
    return -(-urls // BATCH_SIZE) - (-dirs // BATCH_SIZE)


def plant_forest(urls: Sequence[str], dirs: Sequence[str]) -> Forest:
    """Arrange the directories above URLs and directories as `urls.py` spells them; no entry may lie below another."""
    held = Counter(_directory_of(url.partition("?")[0]) for url in urls)
    held_dirs = Counter(_directory_of(directory[:-1]) for directory in dirs)
    held.update(held_dirs)
    origins = {directory: directory[: directory.index("/", len("https://")) + 1] for directory in held}
    hosts = {origin: host_of(origin) for origin in set(origins.values())}

    def place(directory: str) -> tuple[str, str]:
        return hosts[origins[directory]], directory

    for one, other in pairwise(sorted(held, key=place)):
        if origins[one] == origins[other]:
            parting = one
            while not other.startswith(parting):
                parting = parting[: parting.rindex("/", 0, -1) + 1]
            origins[parting] = origins[one]
    directories = sorted(origins, key=place)
    ends = [len(directories)] * len(directories)
    open_ones: list[int] = []
    for number, directory in enumerate(directories):
        while open_ones and not directory.startswith(directories[open_ones[-1]]):
            ends[open_ones.pop()] = number
        open_ones.append(number)
    ranges: list[Host] = []
    for _, of_host in groupby(directories, key=lambda directory: hosts[origins[directory]]):
        members = [origins[directory] for directory in of_host]
        start = ranges[-1].end if ranges else 0
        ranges.append(Host(start, start + len(members), len(set(members))))
    return Forest(
        tuple(directories),
        tuple(ends),
        tuple(accumulate((held[directory] for directory in directories), initial=0)),
        tuple(accumulate((held_dirs[directory] for directory in directories), initial=0)),
        tuple(ranges),
    )


def _directory_of(url: str) -> str:
    """Return the directory that holds a URL without a query; a host's top, which nothing holds, is given itself."""
    return url[: url.rindex("/") + 1] if url.count("/") > 2 else url + "/"
