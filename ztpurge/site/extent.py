"""How much is served below a directory: files of the sites, counted by the URL that would purge them all. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from ztpurge.site.mapping import Sites


def count_unchanged(
    sites: Sites, files: Iterable[str] | None, *, changed: Collection[str], dirs: Collection[str] = ()
) -> Callable[[str], int | None]:
    """Return what counts, for the URL of a directory, the served files below it that would be purged for nothing.

    Those are neither `changed`, by their paths, nor below one of `dirs`, which are purged anyway.

    `files`: all that there are, by their paths in the repository; None if that is not known. Files that a site leaves
    out count as well, since they are served. What is outside every site nobody can count: there it returns None.
    """
    if files is None:
        return lambda _directory: None
    unchanged = [path for path in files if path not in changed]
    served: list[tuple[str, Counter[str]]] = []  # each base URL, and how many files are in each folder and below
    for site in sites.sites:
        below: Counter[str] = Counter()
        start = len(site.root) + 1 if site.root else 0
        folders = Counter(path[start : path.rfind("/") + 1] for path in unchanged if site.holds(path))
        for folder, number in folders.items():
            below[""] += number
            end = folder.find("/") + 1
            while end:
                below[folder[:end]] += number
                end = folder.find("/", end) + 1
        served += ((base, below) for base in site.base_urls)

    def count_all(directory: str) -> int | None:
        total, is_known = 0, False
        for base, below in served:
            if directory.startswith(base):
                is_known = True
                total += below[unquote_to_bytes(directory[len(base) :]).decode("utf-8", "surrogateescape")]
            elif base.startswith(directory):
                total += below[""]
        return total if is_known else None

    def count(directory: str) -> int | None:
        total = count_all(directory)
        anyway = (count_all(one) for one in dirs if one.startswith(directory))
        return None if total is None else total - sum(filter(None, anyway))

    return count
