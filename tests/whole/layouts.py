"""How the files of a history are served, drawn at random: what ztpurge is told of it, what the origin holds, and what
must be purged for a file that changed. The last is the judge's own model, of plain names and `re`, since it must not
share a mistake with the code that it judges; only how a path is spelled is asked of `urls.py`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from ztpurge.site.urls import spell_path

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping

Kind = Literal["urls", "dirs"]
Entry = tuple[Kind, str]

VENDOR, MIRROR = "vendor", "mirror"  # a submodule, and a link to a folder
LINKS = {"alias.html": ("about.html", "css/site.css", "nowhere"), MIRROR: ("a", "\u6625")}  # and where they may lead
FOLDERS = ("a/", "\u6625/")  # that are roots of their own, and never empty
_VARIANTS = (("",), ("", "?v=2"), ("?v=2",))
_BELOW = ("x/y.css", "z.css", "z.txt")  # what may lie in a folder into which nobody can look


@dataclass(frozen=True, slots=True)
class Mount:
    """A site: a folder below the top one, served at the path `at` of some hosts, less what ends as `excluded`."""

    root: str
    at: str
    hosts: tuple[str, ...]
    variants: tuple[str, ...] = ("",)
    excluded: str = ""
    kind: Kind = "urls"

    def paths(self, name: str) -> Iterator[str]:
        """Yield under which paths of its hosts a file is asked for, not yet spelled."""
        if name.startswith(self.root) and not (self.excluded and name.endswith(self.excluded)):
            path = self.at + name.removeprefix(self.root)
            yield path
            if f"/{path}".endswith("/index.html"):
                yield path.removesuffix("index.html")

    def serve(self, tree: Mapping[str, bytes]) -> dict[str, bytes]:
        """Return what the origin holds for it, by its paths there."""
        start = len(self.root)
        return {self.at + name[start:]: data for name, data in tree.items() if name.startswith(self.root)}


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: what the files that fit `match` give, `{x}` being what it captures; `expression` says it once more."""

    match: str
    expression: str
    kind: Kind
    gives: str
    hosts: tuple[str, ...] = ()
    variants: tuple[str, ...] = ("",)

    def paths(self, name: str) -> Iterator[str]:
        """Yield the URL or directory that a file gives, not yet spelled and without its host."""
        if found := re.fullmatch(self.expression, name, re.DOTALL):
            yield self.gives.format(**found.groupdict())

    def serve(self, tree: Mapping[str, bytes]) -> dict[str, bytes]:
        """Return the pages that the origin holds, each made of all files that give it."""
        pages: dict[str, bytes] = {}
        for name in sorted(tree):
            for path in self.paths(name):
                page = path + ("all.html" if self.kind == "dirs" else "index.html" if path.endswith("/") else "")
                pages[page] = pages.get(page, b"") + tree[name]
        return pages


# fmt: off
_RULES = (
    Rule("{x:**}", r"(?P<x>.+)", "urls", "copy/{x}"),
    Rule("{x}.html", r"(?P<x>[^/]+)\.html", "urls", "page/{x}/"),
    Rule("**/{x}.css", r"(?:.+/)?(?P<x>[^/]+)\.css", "urls", "style/{x}"),
    Rule("css/**", r"css/.+", "dirs", "styled/"),
    Rule("{x}/**", r"(?P<x>[^/]+)/.+", "dirs", "in/{x}/"),
    Rule(f"{VENDOR}/**", rf"{VENDOR}/.+", "dirs", "vendor/"),
)
# fmt: on


@dataclass(frozen=True, slots=True)
class Layout:
    """Sites and rules over `top`, a folder of the repository; `by_inputs`: the first site is told by the inputs.

    Where files are `built` only what lies below a root is ever seen, else nothing in a submodule or a linked folder.
    `origin` and `edges` are what each site says of those, if it says anything; `origin` is the URL of the top folder.
    """

    top: str
    mounts: tuple[Mount, ...]
    rules: tuple[Rule, ...] = ()
    by_inputs: bool = True
    built: bool = False
    origin: str = ""
    edges: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[Mount | Rule, ...]:
        """All sites and rules."""
        return (*self.mounts, *self.rules)

    @property
    def inputs(self) -> dict[str, str]:
        """What the inputs say."""
        if not self.by_inputs:
            return {}
        site = self.mounts[0]
        return {
            "root": self.top,
            "base-url": "\n".join(host + site.at for host in site.hosts),
            "exclude": f"*{site.excluded}" if site.excluded else "",
        }

    @property
    def configuration(self) -> str:
        """What the file says, nothing if there is none; JSON is YAML, too."""
        sites = [
            {
                "root": f"{self.top}/{mount.root}",
                "urls": [host + mount.at for host in mount.hosts],
                "variants": mount.variants,
                "exclude": [f"*{mount.excluded}"] if mount.excluded else [],
            }
            | ({"origin": self.origin + mount.at} if self.origin else {})
            | ({"edges": self.edges} if self.edges else {})
            for mount in self.mounts[self.by_inputs :]
        ]
        rules = [
            {"match": f"{self.top}/{rule.match}", rule.kind: [host + rule.gives for host in rule.hosts]}
            for rule in self.rules
        ]
        return json.dumps({"version": 1, "sites": sites, "rules": rules}) if sites or rules else ""

    @property
    def shared(self) -> str:
        """The folder below the top one that all sites lie in."""
        return self.mounts[0].root if len(self.mounts) == 1 else ""

    def serve(self, tree: Mapping[str, bytes]) -> dict[str, bytes]:
        """Return what the origin holds, by its paths there."""
        held: dict[str, bytes] = {}
        for mount in self.mounts:
            held |= mount.serve(tree)
        for rule in self.rules:
            held |= rule.serve({name: data for name, data in tree.items() if rule in self._parts(name)})
        return held

    def watched(self, name: str) -> Iterator[tuple[str, Entry]]:
        """Yield each URL that serves something of a file, and what must be purged for it: the URL or a directory."""
        for part in self._parts(name):
            for entry in self._entries(part, name):
                yield (f"{entry[1]}all.html" if part.kind == "dirs" else entry[1]), entry

    def folder(self, name: str) -> tuple[set[Entry], bool]:
        """Return what must be purged whatever changed in a folder, and whether more would if somebody could look."""
        purged: set[Entry] = set()
        is_more = False
        for part in self.parts:
            given = {frozenset(self._entries(part, f"{name}/{below}")) for below in _BELOW}
            if len(given) == 1:
                purged |= given.pop()
            else:
                is_more = True
        return purged, is_more

    def _parts(self, name: str) -> list[Mount | Rule]:
        """Return the sites and rules that ztpurge can ask about a file."""
        folder, slash, _ = name.partition("/")
        if self.built:
            is_seen = any(name.startswith(mount.root) for mount in self.mounts)
            return [*self.parts] if is_seen else []
        known = self.folder(folder)[0] if slash and folder in {VENDOR, MIRROR} else None
        return [part for part in self.parts if known is None or known.issuperset(self._entries(part, name))]

    def _entries(self, part: Mount | Rule, name: str) -> set[Entry]:
        spelled = (spelling for path in part.paths(name) for spelling in spell_path(path))
        return {(part.kind, host + path + end) for path in spelled for host in part.hosts for end in part.variants}


def draw(
    dice: random.Random,
    *,
    top: str,
    hosts: tuple[str, str],
    built: bool,
    most_rules: int = 3,
    origin: str = "",
    edges: tuple[str, ...] = (),
) -> Layout:
    """Draw a layout; `hosts` are the URLs of their top folders, `origin` and `edges` as there.

    The inputs cannot say anything of the latter two.
    """
    some_hosts = (hosts[:1], hosts[1:], hosts)
    is_told = bool(origin or edges)
    empty = Layout(top, (), built=built, origin=origin, edges=edges)
    if dice.random() < 0.25:
        return replace(empty, mounts=(Mount("", "", hosts[:1]),), by_inputs=not is_told)
    by_inputs = dice.random() < 0.4 and not is_told
    drawn = dice.sample(_RULES, dice.randrange(most_rules + 1))
    rules = tuple(replace(rule, hosts=dice.choice(some_hosts)) for rule in drawn)
    mounts = [
        Mount(root, at, dice.choice(some_hosts), dice.choice(_VARIANTS), dice.choice(("", "", ".css")))
        for root, at in (("", ""), *zip(FOLDERS, ("two/", "spring/"), strict=True))
        if dice.random() < 0.6
    ]
    if by_inputs:
        top_site = Mount("", "", dice.choice(some_hosts), excluded=dice.choice(("", ".css")))
        mounts = [top_site, *(mount for mount in mounts if mount.root)]
    elif not mounts and (built or not rules):
        mounts = [Mount(FOLDERS[0], "two/", hosts[:1], _VARIANTS[1]), Mount(FOLDERS[1], "spring/", hosts[1:])]
    return replace(empty, mounts=tuple(mounts), rules=rules, by_inputs=by_inputs)
