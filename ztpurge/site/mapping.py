"""Changed files -> the URLs that serve them, or the reason why there is none.

Pure: a site says how files are served; every change ends up as at least one target or as one skip.
"""

from __future__ import annotations

import json
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from ztpurge.site.urls import spell_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ztpurge.changes.paths import Change
    from ztpurge.site.patterns import Patterns

_PAGE_ENDINGS = (".html", ".htm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """How a folder of the repository is served: `base_urls` end in `/`, `root` is `` or `a/b`."""

    base_urls: tuple[str, ...]
    root: str = ""
    include: Patterns | None = None
    exclude: Patterns | None = None
    index_files: tuple[str, ...] = ()
    clean_urls: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """A URL to purge and the changed file that it serves."""

    url: str
    path: str


@dataclass(frozen=True, slots=True)
class Skip:
    """A changed file that is not purged, and why; `is_unseen`: it is no file, and what is below it may be stale."""

    path: str
    reason: str
    is_unseen: bool = False


@dataclass(frozen=True, slots=True)
class Mapped:
    """What became of the changes."""

    targets: tuple[Target, ...] = ()
    skipped: tuple[Skip, ...] = ()


def map_changes(site: Site, changes: Iterable[Change]) -> Mapped:
    """Find the URLs of each change, in the order of the changes, then of the site's base URLs."""
    targets: list[Target] = []
    skipped: list[Skip] = []
    for change in changes:
        served = _below_root(change.path, site.root)
        reason = _reason_to_skip(site, served)
        if served is None or reason:
            skipped.append(Skip(change.path, reason))
        elif change.unseen:
            skipped.append(Skip(change.path, change.unseen, is_unseen=True))
        else:
            suffixes = [suffix for path in _served_paths(site, served) for suffix in spell_path(path)]
            targets += [Target(base + suffix, change.path) for base in site.base_urls for suffix in suffixes]
            if site.clean_urls and served in site.index_files:
                targets += [Target(bare, change.path) for bare in map(_without_slash, site.base_urls) if bare]
    return Mapped(tuple(targets), tuple(skipped))


def sources_of(site: Site, url: str) -> tuple[str, ...]:
    """Return the paths of the files that may be served under a URL of the site, the one that takes precedence first.

    The inverse of `map_changes`, in whatever spelling: the file of that very name, else the folder's index in the order
    of `index_files`, else, with `clean_urls`, the page without its ending; the address of the site's own folder without
    its slash is its index. Empty for a URL that no file can have. Of several base URLs the longest counts, as a server
    has it.
    """
    if site.clean_urls and url in map(_without_slash, site.base_urls):
        url = f"{url}/"
    base = max((base for base in site.base_urls if url.startswith(base)), key=len, default=None)
    if base is None or "?" in url:
        return ()
    served = unquote_to_bytes(url.removeprefix(base)).decode("utf-8", "surrogateescape")
    if "\0" in served or {"", ".", ".."}.intersection(served.removesuffix("/").split("/") if served else ()):
        return ()
    names = [f"{served}{name}" for name in site.index_files] if served.endswith("/") or not served else [served]
    if site.clean_urls and served and not served.endswith("/"):
        names += [served + ending for ending in _PAGE_ENDINGS]
        names += [f"{served}/{name}" for name in site.index_files]
    return tuple(posixpath.join(site.root, name) for name in names)


def served_as(site: Site) -> str:
    """Return how a site makes URLs of files, to be compared: another way has URLs that were never purged."""
    return json.dumps([sorted(site.base_urls), sorted(site.index_files), site.clean_urls], separators=(",", ":"))


def _without_slash(base: str) -> str:
    """Return a base URL without its closing slash, nothing at a host's top, where the slash is the whole path."""
    return base.removesuffix("/") if base.count("/") > 3 else ""


def _below_root(path: str, root: str) -> str | None:
    if not root:
        return path
    return path.removeprefix(f"{root}/") if path.startswith(f"{root}/") else None


def _reason_to_skip(site: Site, served: str | None) -> str:
    if served is None:
        return f"outside root {site.root}"
    if site.include and not site.include.match(served):
        return "not matched by include"
    if site.exclude and site.exclude.match(served):
        return "matched by exclude"
    return ""


def _served_paths(site: Site, served: str) -> Iterator[str]:
    """Yield the paths that a request for the file may have: as it is, for its folder, without its ending."""
    yield served
    folder, name = posixpath.split(served)
    if name in site.index_files:
        yield f"{folder}/" if folder else ""
        if site.clean_urls and folder:
            yield folder
    stem, ending = posixpath.splitext(served)
    if site.clean_urls and ending in _PAGE_ENDINGS:
        yield stem
