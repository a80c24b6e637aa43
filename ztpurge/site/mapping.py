"""Changed files -> the URLs that serve them, or why there is none, and for each URL the files that may be behind it.

Pure: what each site and each rule makes of a path is theirs; here it is put together.
"""

from __future__ import annotations

import json
import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ztpurge.site.urls import host_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ztpurge.changes.paths import Change
    from ztpurge.site.rules import Rule
    from ztpurge.site.serving import Kind, Site


@dataclass(frozen=True, slots=True)
class Sites:
    """All that says how files are served: the sites, of which the inputs may be one, and the rules beside them."""

    sites: tuple[Site, ...] = ()
    rules: tuple[Rule, ...] = ()

    @property
    def roots(self) -> tuple[str, ...]:
        """The folders that are served, less those that lie in another of them."""
        topmost: list[str] = []
        for root in sorted({site.root for site in self.sites}, key=lambda root: root.split("/")):
            if not topmost or not f"{root}/".startswith(posixpath.join(topmost[-1], "")):
                topmost.append(root)
        return tuple(topmost)

    @property
    def scope(self) -> str:
        """The folder that holds every file that a site or a rule may be about, `` for the repository's top."""
        return "" if self.rules or not self.sites else posixpath.commonpath(self.roots)

    @property
    def projects(self) -> dict[str, str]:
        """The account's project that a host stands in, by host, where a site tells it."""
        told = (site for site in self.sites if site.project_id)
        return {host_of(base): site.project_id for site in told for base in site.base_urls}

    @property
    def edges(self) -> dict[str, tuple[str, ...]]:
        """What stands for the edges of a host, by host, where a site tells it."""
        told = (site for site in self.sites if site.edges)
        return {host_of(base): site.edges for site in told for base in site.base_urls}

    def at_origin(self, urls: Iterable[str]) -> dict[str, str]:
        """Return by which URL the origin itself is asked for each of the URLs whose site has one."""
        # without its slash, for the folder itself may be asked for without one; where one of several sites tells it
        told = ((base[:-1], site.origin[:-1]) for site in self.sites for base in site.base_urls)
        origins: dict[str, str] = {}
        for base, origin in told:
            origins[base] = origins.get(base) or origin
        bases = sorted(origins, key=len, reverse=True) if any(origins.values()) else []
        asked: dict[str, str] = {}
        for url in urls if bases else ():
            base = next((base for base in bases if url.startswith(base) and url[len(base) :][:1] in {"", "/", "?"}), "")
            if origins.get(base):
                asked[url] = origins[base] + url[len(base) :]
        return asked

    def __bool__(self) -> bool:
        """Whether any file could be served."""
        return bool(self.sites or self.rules)


@dataclass(frozen=True, slots=True)
class Target:
    """What to purge for a changed file, a URL or a directory, and the site or rule that says so."""

    url: str
    path: str
    by: str
    kind: Literal["urls", "dirs"] = "urls"


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
    still be there; or nothing that is known, of a URL that was only `given`, by the user or a rule.
    """

    paths: tuple[str, ...]
    kind: Kind


@dataclass(frozen=True, slots=True)
class Mapped:
    """What became of the changes; and all URLs, those that were given last, each with the kind of its candidates."""

    targets: tuple[Target, ...] = ()
    skipped: tuple[Skip, ...] = ()
    urls: Mapping[str, Kind] = field(default_factory=dict)

    @property
    def dirs(self) -> tuple[str, ...]:
        """The directories that rules gave for changes, each once."""
        return tuple(dict.fromkeys(target.url for target in self.targets if target.kind == "dirs"))


def map_changes(sites: Sites, changes: Iterable[Change], given: Iterable[str] = ()) -> Mapped:
    """Find the URLs of each change, in the order of the changes, then of the sites, then of the rules.

    `given` are URLs that the user named: in any spelling, a file's of a site or not.
    """
    targets: list[Target] = []
    skipped: list[Skip] = []
    kinds: dict[str, Kind] = {}
    for change in changes:
        by_sites, by_rules, is_unseen = _targets_of(sites, change)
        for target, kind in by_sites:
            if kinds.get(target.url) != "folder":  # of two files that had a URL, one may leave a folder
                kinds[target.url] = kind
            targets.append(target)
        for target in by_rules:
            if target.kind == "urls":
                kinds.setdefault(target.url, "given")
            targets.append(target)
        if is_unseen:
            skipped.append(Skip(change.path, change.unseen, is_unseen=True))
        elif not by_sites and not by_rules:
            skipped.append(Skip(change.path, _why_not(sites, change.path)))
    for url in given:
        kinds.setdefault(url, "given")
    return Mapped(tuple(targets), tuple(skipped), kinds)


def _targets_of(sites: Sites, change: Change) -> tuple[list[tuple[Target, Kind]], list[Target], bool]:
    """Return what sites and what rules give for a change, and whether there is more that nobody can tell."""
    path = change.path
    serving = [site for site in sites.sites if not site.why_not(path)]
    if not change.unseen:
        by_sites = [(Target(url, path, site.name), kind) for site in serving for url, kind in site.urls_of(path)]
        by_rules = [Target(url, path, rule.name, what) for rule in sites.rules for what, url in rule.urls_of(path)]
        return by_sites, by_rules, False
    below = [(rule.name, rule.below(path)) for rule in sites.rules]
    known = [Target(url, path, name, what) for name, purged in below for what, url in purged or ()]
    return [], known, bool(serving) or any(purged is None for _, purged in below)


def files_behind(sites: Sites, mapped: Mapped) -> dict[str, Candidates]:
    """Return the way back: for each URL of a map the files that may be behind it.

    Of several base URLs the longest that has any counts, as a server has it.
    """
    by_base: dict[str, list[Site]] = {}
    for site in sites.sites:
        for base in site.base_urls:
            by_base.setdefault(base, []).append(site)
    bases = sorted(by_base, key=len, reverse=True)
    behind: dict[str, Candidates] = {}
    for url, kind in mapped.urls.items():
        found = (tuple(path for site in by_base[base] for path in site.files_for(url, base)) for base in bases)
        behind[url] = Candidates(next(filter(None, found), ()), kind)
    return behind


def served_as(sites: Sites) -> str:
    """Return how URLs are made of files, to be compared: another way has URLs that were never purged.

    Which files a lone site takes is no part of it: those that it leaves out are no part of what was purged, either.
    """
    ways: list[list[object]] = []
    for site in sites.sites:
        ways.append([sorted(site.base_urls), sorted(site.index_files), site.clean_urls])
        if len(sites.sites) > 1 or sites.rules:
            picked = [patterns.lines if patterns else () for patterns in (site.include, site.exclude)]
            ways[-1] += [site.root, *picked]
        if site.variants != ("",):
            ways[-1].append(site.variants)
    for rule in sites.rules:
        purged = [[(one.parts, one.names) for one in templates] for templates in (rule.urls, rule.dirs)]
        ways.append([rule.match.text, *purged])
    return json.dumps(ways[0] if len(ways) == 1 else ways, separators=(",", ":"))


def _why_not(sites: Sites, path: str) -> str:
    """Say why nothing serves a file: what the sites say whose root it lies in, else which roots it lies outside."""
    inside = dict.fromkeys(site.why_not(path) for site in sites.sites if site.holds(path))
    roots = ", ".join(dict.fromkeys(site.root for site in sites.sites))
    reasons = [*inside] or ([f"outside root {roots}"] if sites.sites else [])
    return " and ".join([*reasons, *(["matched by no rule"] if sites.rules else [])])
