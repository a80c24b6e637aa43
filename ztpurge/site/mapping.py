"""Changed files -> the URLs that serve them, or why there is none, and for each URL the files that may be behind it.

Pure: a site is a few rules, each read in both directions; how a URL is spelled is left to `urls.py`.
"""

from __future__ import annotations

import json
import posixpath
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote_to_bytes

from ztpurge.site.urls import spell_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ztpurge.changes.paths import Change
    from ztpurge.site.patterns import Patterns

Kind = Literal["file", "folder", "given"]

_PAGE_ENDINGS = (".html", ".htm")
_STEM = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[^/\0]+)*")  # empty, or segments that a file or folder may be called


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
class Candidates:
    """The files that may be behind a URL, the one that takes precedence first; none if no file can have that URL.

    `kind` says what is gone if none of them is there: a file; a page or an index, beside or in a `folder` that may
    still be there; or nothing that is known, of a URL that was only `given`.
    """

    paths: tuple[str, ...]
    kind: Kind


@dataclass(frozen=True, slots=True)
class Mapped:
    """What became of the changes; and all URLs, those that were given last, each with the kind of its candidates."""

    targets: tuple[Target, ...] = ()
    skipped: tuple[Skip, ...] = ()
    urls: Mapping[str, Kind] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Rule:
    """One way to serve files: what is asked for with the ending `asked` is the file that ends in `file` instead.

    Paths begin with `/`; the request for the folder of the site itself, without its slash, is empty.
    """

    file: str
    asked: str
    kind: Kind

    def request_for(self, file: str) -> str | None:
        """Return the request that the rule answers with a file, None if it does not serve it."""
        return file if self.file == self.asked else self._swap(file, self.file, self.asked)

    def file_for(self, request: str) -> str | None:
        """Return the file that the rule answers a request with, None if it is about other requests."""
        return self._swap(request, self.asked, self.file)

    def _swap(self, path: str, ending: str, other: str) -> str | None:
        if not path.endswith(ending):
            return None
        stem = path.removesuffix(ending)
        return stem + other if _STEM.fullmatch(stem) and (stem or self.file.startswith("/")) else None


def map_changes(site: Site, changes: Iterable[Change], given: Iterable[str] = ()) -> Mapped:
    """Find the URLs of each change, in the order of the changes, then of the site's base URLs.

    `given` are URLs that the user named: in any spelling, a file's of the site or not.
    """
    rules, top = _rules(site), posixpath.join(site.root, "")
    targets: list[Target] = []
    skipped: list[Skip] = []
    kinds: dict[str, Kind] = {}
    for change in changes:
        served = change.path.removeprefix(top)
        reason = ""
        if not change.path.startswith(top):
            reason = f"outside root {site.root}"
        elif site.include and not site.include.match(served):
            reason = "not matched by include"
        elif site.exclude and site.exclude.match(served):
            reason = "matched by exclude"
        if reason or change.unseen:
            skipped.append(Skip(change.path, reason or change.unseen, is_unseen=not reason))
            continue
        for url, kind in _urls_of(site, rules, f"/{served}"):
            targets.append(Target(url, change.path))
            if kinds.get(url) != "folder":  # of two files that had a URL, one may leave a folder
                kinds[url] = kind
    for url in given:
        kinds.setdefault(url, "given")
    return Mapped(tuple(targets), tuple(skipped), kinds)


def files_behind(site: Site, mapped: Mapped) -> dict[str, Candidates]:
    """Return the way back: for each URL of a map the files that may be behind it.

    Of several base URLs the longest that has any counts, as a server has it.
    """
    rules, top = _rules(site), posixpath.join(site.root, "")
    bases = sorted(site.base_urls, key=len, reverse=True)
    behind: dict[str, Candidates] = {}
    for url, kind in mapped.urls.items():
        paths: tuple[str, ...] = ()
        for base in bases if "?" not in url else ():
            if not paths and f"{url}/".startswith(base):
                request = unquote_to_bytes(url[len(base) - 1 :]).decode("utf-8", "surrogateescape")
                files = (rule.file_for(request) for rule in rules)
                paths = tuple(top + file[1:] for file in files if file)
        behind[url] = Candidates(paths, kind)
    return behind


def served_as(site: Site) -> str:
    """Return how a site makes URLs of files, to be compared: another way has URLs that were never purged."""
    return json.dumps([sorted(site.base_urls), sorted(site.index_files), site.clean_urls], separators=(",", ":"))


def _rules(site: Site) -> tuple[_Rule, ...]:
    """Return the rules that a site is served by; of those that answer the same request the first takes precedence."""
    rules = [_Rule("", "", "file")]
    rules += [_Rule(f"/{name}", "/", "folder") for name in site.index_files]
    if site.clean_urls:
        rules += [_Rule(ending, "", "folder") for ending in _PAGE_ENDINGS]
        rules += [_Rule(f"/{name}", "", "folder") for name in site.index_files]
    return tuple(dict.fromkeys(rules))


def _urls_of(site: Site, rules: Iterable[_Rule], file: str) -> Iterator[tuple[str, Kind]]:
    asked = [(request, rule.kind) for rule in rules if (request := rule.request_for(file)) is not None]
    spelled = [(spelling, kind) for request, kind in asked for spelling in spell_path(request)]
    for base in site.base_urls:
        is_top = base.count("/") == 3  # of a host, where the slash is the whole path
        yield from ((base[:-1] + spelling, kind) for spelling, kind in spelled if spelling or not is_top)
