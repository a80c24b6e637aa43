"""The configuration file -> the sites and rules that it describes, or everything that is wrong with it at once.

Pure. What a value may be is decided where it is used, in the other rooms; here it is which keys there are, and where in
the file each problem stands. `ztpurge.schema.json` says the same for editors.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from ztpurge.errors import InvalidInputs, Position, ZtpurgeError
from ztpurge.site.document import Mapping, Node, Scalar, Sequence, parse_document
from ztpurge.site.edges import ALL, ONE, parse_edge
from ztpurge.site.mapping import Sites
from ztpurge.site.patterns import parse_include, parse_patterns
from ztpurge.site.projects import parse_project_id
from ztpurge.site.rules import Rule, Template, parse_match, parse_template
from ztpurge.site.serving import (
    INDEX_FILES,
    Site,
    parse_folder_url,
    parse_index_files,
    parse_root,
    parse_variant,
)
from ztpurge.site.urls import host_of, quote_given

if TYPE_CHECKING:
    from collections.abc import Callable

    from ztpurge.site.patterns import Patterns

T = TypeVar("T")
_TOP_KEYS = ("version", "sites", "rules")
_SITE_KEYS = (
    "root", "urls", "include", "exclude", "index-files", "clean-urls", "variants", "origin", "edges", "project-id"
)  # fmt: skip
_RULE_KEYS = ("match", "urls", "dirs")
_NAMES_ELSEWHERE = {"base-url": "urls"}  # of the same thing, among the inputs
_MAX_ENTRIES = 1000  # sites, and rules: each is asked about each change, and a push may have 100,000
_MAX_EDGES = 100  # each is asked for each URL, twice
_MAX_PROBLEMS = 100  # that are told at once
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # controls, ends of lines, half characters
_OR_NOTHING = "Write an entry, or take the key out"
_SAY_SOMETHING = "List `sites`, each with its `root` and `urls`, or `rules`, each with `match` and `urls` or `dirs`"


def parse_configuration(data: bytes, name: str) -> Sites:
    """Read a file of sites and rules, whose path is `name`; raise InvalidInputs with every problem."""
    reading = _Reading()
    try:
        sites = reading.sites_of(parse_document(data, name))
    except ZtpurgeError as error:
        raise InvalidInputs((error,)) from error
    # what an alias repeats is wrong only once
    problems = {(position, problem.cause): problem.at(position) for position, problem in reading.problems}
    if problems:
        raise InvalidInputs(tuple(problem for _, problem in sorted(problems.items())[:_MAX_PROBLEMS]))
    return sites


class _Reading:
    """Reads a document, and goes on after each problem as if the value were not there."""

    def __init__(self) -> None:
        self.problems: list[tuple[Position, ZtpurgeError]] = []
        self._served: dict[Site, str] = {}  # which site was the first to be so
        # which site was the first to tell it of a host or, the origin, of a URL
        self._projects: dict[str, Site] = {}
        self._edges: dict[str, Site] = {}
        self._origins: dict[str, Site] = {}

    def sites_of(self, document: Node) -> Sites:
        """Return what the document says, which counts only if there are no problems."""
        if not isinstance(document, Mapping):
            remedy = f"Begin with `version: 1`. {_SAY_SOMETHING}"
            raise ZtpurgeError(f"the file holds {document}", remedy=remedy, place=document.position)
        found = self._keys(document, "the file", _TOP_KEYS, required="version")
        version = found.get("version")
        if version and not (isinstance(version, Scalar) and version.is_plain and version.text == "1"):
            # what another version says cannot be judged here
            remedy = "Write `version: 1`, or use the release of ztpurge that the file was written for"
            raise ZtpurgeError(
                f"this version of ztpurge reads version 1, and this is {version}", remedy=remedy, place=version.position
            )
        sites = [self._site(node, number) for number, node in enumerate(self._entries(found, "sites"), start=1)]
        rules = [self._rule(node, number) for number, node in enumerate(self._entries(found, "rules"), start=1)]
        if not sites and not rules and not self.problems:
            self._refuse(document.position, "it describes no site and no rule", _SAY_SOMETHING)
        return Sites(tuple(filter(None, sites)), tuple(filter(None, rules)))

    def _site(self, node: Node, number: int) -> Site | None:
        before = len(self.problems)
        found = self._keys(node, "a site", _SITE_KEYS, required="urls")
        urls = self._texts(found, "urls", _quoting(parse_folder_url, quote_given), if_empty="Write an entry")
        root = self._text(found, "root", parse_root)
        include = self._patterns(found, "include", parse_include)
        exclude = self._patterns(found, "exclude", parse_patterns)
        named = self._texts(found, "index-files", lambda text: parse_index_files((text,)))
        if len(named) > 1 and any(not names for names, _ in named):
            self._refuse(
                found["index-files"].position, "`none` stands beside names", "Write `none` alone, or take it out"
            )
        index_files = tuple(name for names, _ in named for name in names)
        clean_urls = self._boolean(found, "clean-urls")
        variants = self._texts(found, "variants", _quoting(parse_variant), if_empty=_OR_NOTHING)
        origin = self._text(found, "origin", _quoting(parse_folder_url, quote_given))
        edges = self._texts(found, "edges", _quoting(parse_edge), if_empty="Write `all`, `one`, addresses or names")
        if len(edges) > _MAX_EDGES:
            self._refuse(
                edges[_MAX_EDGES][1], f"`edges` has more than {_MAX_EDGES} entries", "Each is asked for each URL"
            )
        if len(edges) > 1 and any((edge,) in {ALL, ONE} for edge, _ in edges):
            self._refuse(
                found["edges"].position, "`all` or `one` stands beside others", "Write it alone, or take it out"
            )
        project_id = self._text(found, "project-id", _quoting(parse_project_id))
        if len(self.problems) > before:
            return None
        site = Site(
            base_urls=tuple(dict.fromkeys(url for url, _ in urls)),
            root=root or "",
            include=include,
            exclude=exclude,
            index_files=index_files if "index-files" in found else INDEX_FILES,
            clean_urls=clean_urls,
            variants=tuple(dict.fromkeys(variant for variant, _ in variants)) or ("",),
            origin=origin or "",
            edges=tuple(dict.fromkeys(edge for edge, _ in edges)),
            project_id=project_id or "",
            name=_name("site", number, node),
        )
        if len(site.base_urls) * len(site.variants) > _MAX_ENTRIES:
            cause = f"each file has {len(site.base_urls)} times {len(site.variants)} URLs, more than {_MAX_ENTRIES:,}"
            self._refuse(node.position, cause, "Take some of `urls` or `variants` out")
        self._compare(site, urls, found)
        return site

    def _compare(self, site: Site, urls: list[tuple[str, Position]], found: dict[str, Node]) -> None:
        """Refuse what goes against an earlier site, or says it again."""
        for url, position in dict(urls).items():
            if site.origin and site.origin.split("/")[2] == url.split("/")[2]:
                cause = f"{site.origin[:200]!r} is where {url[:200]!r} is, which the CDN answers"
                self._refuse(found["origin"].position, cause, "Write the address of the origin itself, behind the CDN")
            files = replace(site, base_urls=(url,), origin="", edges=(), project_id="", name="")
            first = self._served.setdefault(files, site.name)
            if first != site.name:
                self._refuse(position, f"the same files are served at {url[:200]!r} by {first}", "Take one of them out")
            host = host_of(url)
            project = self._projects.setdefault(host, site) if site.project_id else site
            if project.project_id != site.project_id:
                self._refuse(
                    found["project-id"].position,
                    f"{project.name} has {host} purged in project {project.project_id!r}",
                    "Write the same project in both",
                )
            edges = self._edges.setdefault(host, site) if site.edges else site
            if edges.edges != site.edges:
                cause = f"{edges.name} has {', '.join(edges.edges)[:200]} for the edges of {host}"
                self._refuse(found["edges"].position, cause, "Write the same in both")
            origin = self._origins.setdefault(url, site) if site.origin else site
            if origin.origin != site.origin:
                cause = f"{origin.name} has {origin.origin[:200]!r} for the origin of {url[:200]!r}"
                self._refuse(found["origin"].position, cause, "Write the same in both")

    def _rule(self, node: Node, number: int) -> Rule | None:
        before = len(self.problems)
        found = self._keys(node, "a rule", _RULE_KEYS, required="match")
        match = self._text(found, "match", _quoting(parse_match))
        templates: list[tuple[Template, ...]] = []
        for key in ("urls", "dirs"):

            def parse(text: str, is_directory: bool = key == "dirs") -> Template:
                names = match.names if match else re.findall(r"\{([^{}]*)\}", text)  # of a broken one any may be meant
                return parse_template(text, names, is_directory=is_directory)

            read = self._texts(found, key, _quoting(parse, quote_given))
            templates.append(tuple(dict.fromkeys(template for template, _ in read)))
        if not any(templates) and len(self.problems) == before:
            self._refuse(node.position, "a rule has nothing to purge", "Give it `urls` or `dirs`")
        if not match or len(self.problems) > before:
            return None
        urls, dirs = templates
        return Rule(match, urls, dirs, _name("rule", number, node))

    def _refuse(self, position: Position, cause: str, remedy: str) -> None:
        self.problems.append((position, ZtpurgeError(cause, remedy=remedy)))

    def _keys(self, node: Node, what: str, keys: tuple[str, ...], *, required: str) -> dict[str, Node]:
        """Return the values of a mapping by their keys, less those that must not be there."""
        if not isinstance(node, Mapping):
            self._refuse(node.position, f"{what} is a mapping, and this is {node}", f"Its keys are {', '.join(keys)}")
            return {}
        found: dict[str, Node] = {}
        lines: dict[str, int] = {}
        is_missing = True
        for key, value in node.entries:
            name = key.text if isinstance(key, Scalar) else ""
            if name in found:
                twice = f"`{name}` stands in {what} twice, first in line {lines[name]}"
                self._refuse(key.position, twice, "Take one of them out")
            elif name in keys:
                found[name], lines[name] = value, key.position.line
            elif name == "<<":
                remedy = "Write the keys out; an alias may stand for the value of a key"
                self._refuse(key.position, "mappings are not merged with `<<`", remedy)
            else:
                alike = difflib.get_close_matches(name[:20].lower(), keys, n=1)
                nearest = _NAMES_ELSEWHERE.get(name) or "".join(alike)
                is_missing = is_missing and nearest != required
                meant = f"Did you mean `{nearest}`? " if nearest else ""
                shown = repr(name[:200]) if isinstance(key, Scalar) else f"that is {key}"
                self._refuse(
                    key.position, f"there is no key {shown} in {what}", f"{meant}The keys are {', '.join(keys)}"
                )
        if is_missing and required not in found:
            self._refuse(node.position, f"{what} lacks its `{required}`", f"The keys are {', '.join(keys)}")
        return found

    def _entries(self, found: dict[str, Node], key: str) -> tuple[Node, ...]:
        """Return what stands in a list of sites or rules."""
        node = found.get(key, Sequence((), Position("", 0, 0)))
        if not isinstance(node, Sequence):
            self._refuse(node.position, f"`{key}` is a list, and this is {node}", "Begin each entry with a `-`")
            return ()
        if len(node.items) > _MAX_ENTRIES:
            position = node.items[_MAX_ENTRIES].position
            self._refuse(position, f"`{key}` has more than {_MAX_ENTRIES:,} entries", "Join some: patterns help")
        return node.items[:_MAX_ENTRIES]

    def _text(self, found: dict[str, Node], key: str, parse: Callable[[str], T]) -> T | None:
        return self._parsed(found[key], key, parse) if key in found else None

    def _texts(
        self, found: dict[str, Node], key: str, parse: Callable[[str], T], *, if_empty: str = ""
    ) -> list[tuple[T, Position]]:
        """Return what is read of each text of a list, or of a text that stands in its place, with its position.

        `if_empty` is what to do about an empty list, where that is wrong.
        """
        node = found.get(key)
        if node is None:
            return []
        items = node.items if isinstance(node, Sequence) else (node,)
        if if_empty and not items:
            self._refuse(node.position, f"`{key}` is an empty list", if_empty)
        parsed = [(self._parsed(item, key, parse), item.position) for item in items]
        return [(value, position) for value, position in parsed if value is not None]

    def _patterns(
        self, found: dict[str, Node], key: str, parse: Callable[[tuple[str, ...]], Patterns | None]
    ) -> Patterns | None:
        """Return the patterns of a list, each of which has to mean something, and all of them together, too."""
        before = len(self.problems)
        texts = self._texts(found, key, _check_pattern, if_empty=_OR_NOTHING if key == "include" else "")
        if len(texts) == 1 and ", " in texts[0][0]:
            text, position = texts[0]
            self._refuse(position, f"{text[:200]!r} may be one pattern or several", "Write each as an entry of a list")
        try:
            return parse(tuple(text for text, _ in texts)) if len(self.problems) == before else None
        except ZtpurgeError as error:
            self.problems.append((found[key].position, error))
            return None

    def _boolean(self, found: dict[str, Node], key: str) -> bool:
        node = found.get(key)
        says = node.boolean if isinstance(node, Scalar) else None
        if node and says is None:
            self._refuse(node.position, f"`{key}` is true or false, and this is {node}", "Write `true` or `false`")
        return bool(says)

    def _parsed(self, node: Node, key: str, parse: Callable[[str], T]) -> T | None:
        """Return what is read of a text; None if it is no text, or a wrong one."""
        if not isinstance(node, Scalar):
            self._refuse(node.position, f"a text of `{key}` should stand here, and this is {node}", "Write a text")
        elif node.is_empty or node.boolean is not None:
            remedy = _OR_NOTHING if node.is_empty else "Write a text, in quotes if it is this word"
            self._refuse(node.position, f"a text of `{key}` should stand here, and this is {node}", remedy)
        elif _UNSEEN.search(node.text):
            remedy = "Write one line of text, and of several entries a list"
            self._refuse(node.position, f"{node.text[:200]!r} holds a line's end or a control character", remedy)
        else:
            try:
                return parse(node.text)
            except ZtpurgeError as error:
                self.problems.append((node.position, error))
        return None


def _quote(text: str) -> str:
    return repr(text[:200])


def _quoting(parse: Callable[[str], T], quote: Callable[[str], str] = _quote) -> Callable[[str], T]:
    """Have an error that is about `it` say what that is."""

    def parse_quoting(text: str) -> T:
        try:
            return parse(text)
        except ZtpurgeError as error:
            raise ZtpurgeError(f"{quote(text)}: {error.cause}", remedy=error.remedy) from error

    return parse_quoting


def _check_pattern(text: str) -> str:
    if not parse_patterns((text,)):
        remedy = r"Take it out; a name that begins with `#` is written as `\#name`"
        raise ZtpurgeError(f"{text[:200]!r} is no pattern, but blank or a comment", remedy=remedy)
    return text


def _name(what: str, number: int, node: Node) -> str:
    return f"{what} {number} ({node.position.file}:{node.position.line})"
