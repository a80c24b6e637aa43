"""In which order URLs are purged: first what pages refer to, then the pages, last what is deleted.

Pure. So no new page is met with old assets, and no old page without its assets. How the order becomes calls is left to
`cdn/plan.py`.
"""

from __future__ import annotations

import enum
import posixpath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ztpurge.changes.paths import Change
    from ztpurge.site.mapping import Mapped
    from ztpurge.site.serving import Kind

_PAGE_ENDINGS = frozenset(  # of a folder, and of a page without its ending, there is none
    {"", ".asp", ".aspx", ".cgi", ".htm", ".html", ".jsp", ".php", ".phtml", ".shtm", ".shtml", ".xht", ".xhtml"}
)


class Rank(enum.IntEnum):
    """The lower, the sooner it is purged."""

    ASSET = 0
    PAGE = 1
    DELETED = 2


def rank_urls(mapped: Mapped, changes: Iterable[Change]) -> dict[str, Rank]:
    """Return the rank of each URL of a map.

    One is deleted if each changed file behind it is; what a rule makes of a deleted file may well be there.
    """
    deleted = {change.path for change in changes if change.is_deleted}
    gone = {target.url for target in mapped.targets if target.path in deleted}
    gone.difference_update(target.url for target in mapped.targets if target.path not in deleted)

    def rank(url: str, kind: Kind) -> Rank:
        if kind != "given" and url in gone:
            return Rank.DELETED
        path = url.partition("://")[2].partition("?")[0].partition("/")[2]
        ending = posixpath.splitext(path)[1].lower()
        return Rank.PAGE if kind == "folder" or ending in _PAGE_ENDINGS else Rank.ASSET

    return {url: rank(url, kind) for url, kind in mapped.urls.items()}
