"""Changed files -> those that a build named by their content, and the patterns that would leave them out. Pure.

It is a hint: a name that a person may have written counts as written, and nothing is excluded here.
"""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ztpurge.site.patterns import parse_patterns
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_FEWEST_FILES = 3
_MOST_PATTERNS = 3
# SvelteKit and Next.js let these be cached for a year: each path in them is new with its content, or with the build
_FOLDER_OF_HASHED = re.compile(r"(?:[^/]+/)*?(?:_app/immutable|_next/static)/")
_CODE = r"(?:js|mjs|cjs|css)(?:\.LICENSE\.txt|(?:\.map)?(?:\.gz|\.br)?)"
_OTHERS = r"avif|eot|gif|ico|jpe?g|mp4|otf|png|svg|ttf|wasm|webm|webp|woff2?"
_NAME = re.compile(
    rf"(?:.*(?P<mark>[.~_-]))?(?P<word>[A-Za-z0-9_-]{{8,64}})"
    rf"(?P<ending>(?:\.(?:bundle|chunk|min|worker))?\.(?:(?P<code>{_CODE})|{_OTHERS}))",
    re.DOTALL,
)
_UUID = re.compile(r"(?:.*[^0-9a-f])?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[a-z0-9]+", re.DOTALL)
# how hashes are written: in hexadecimal digits by webpack (so CRA, Gatsby, Next.js: 8, 10, 16 or 20), Rollup 3, Parcel
# (8), Django (12), Sprockets, Propshaft and Hugo (8, 32, 40 or 64); in 8 characters of base32 by esbuild (so Angular),
# of base64 by Rollup 4 (so Vite, Astro, Nuxt)
_LENGTHS = frozenset({8, 10, 12, 16, 20, 32, 40, 64})
_HEXADECIMAL = re.compile(r"[0-9a-f]+")
_BASE32 = re.compile(r"[A-Z2-7]{8}")
_BASE64 = re.compile(r"[A-Za-z0-9_-]{8}")
# what people write and builds hardly ever: a date, a word, a version; a fifth of base32 has letters alone, though
_WRITTEN = {
    _HEXADECIMAL: re.compile(r"(?:19|20)[0-9]{6}|[a-f]+"),
    _BASE32: re.compile(r"[2-7]+"),
    _BASE64: re.compile(r"[0-9_-]+|[A-Z]+[0-9]*|[a-z]+(?:[_-][a-z]+)*[0-9]*"),
}
_WORDS = re.compile(r"(?:[A-Z]?[a-z]{3,}|[A-Z][a-z]{2,})+[0-9]*")  # `HelloYou`: by chance one in a hundred of base64
_MANY = 100
_RUN = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")  # `HelloYou2` has three
_SPECIAL = re.compile(r"([\\*?\[])")


@dataclass(frozen=True, slots=True)
class Hashed:
    """How many of the `total` changed files below `root` are named by their content, with one of them.

    `patterns` are as `exclude` takes them: they match these and no other of the changed files. Empty if a few cannot.
    """

    count: int
    total: int
    example: str
    patterns: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The hint in words."""
        found = (
            f"{self.count:,} of {self.total:,} changed files seem to be named by their content, such as "
            f"`{for_log(self.example, limit=200)}`. What such a name stands for never changes, so no edge holds an old "
            "copy of it, and it needs no purge"
        )
        if not self.patterns:
            return f"{found}. No short list of patterns fits just these files, so it is left to you what to `exclude`"
        listed = ", ".join(f"`{pattern}`" for pattern in self.patterns)
        return (
            f"{found}. To leave these files out, add to `exclude`: {listed}. "
            "(A 404 that an edge has stored for such a name then stays until it expires.)"
        )


@dataclass(frozen=True, slots=True)
class _Name:
    """A path whose name may hold a hash: `word`, after `mark` or, if that is empty, as the whole name."""

    path: str
    folder: str
    mark: str
    word: str
    ending: str
    is_code: bool

    @property
    def style(self) -> tuple[str, int]:
        """How the name is put together: the hashes of one build are alike in that."""
        return self.mark, len(self.word)

    @property
    def is_certain(self) -> bool:
        """Whether nobody writes such a word: digits and letters are mixed too much."""
        runs = len(_RUN.findall(self.word))
        has_digit = any(map(str.isdigit, self.word))
        if _HEXADECIMAL.fullmatch(self.word) or _BASE32.fullmatch(self.word):
            return has_digit and runs >= 3
        is_joined = not self.word.isalnum() and self.word in {self.word.lower(), self.word.upper()}  # `a-1-12-1`
        return bool(_BASE64.fullmatch(self.word)) and has_digit and not is_joined and runs >= 4


def find_hashed(paths: Iterable[str], root: str) -> Hashed | None:
    """Find the changed files, of those that are to be purged, that a build named by their content.

    `paths` are the repository's, `root` is as a site has it; None if there are too few to speak of.
    """
    top = posixpath.join(root, "")
    served = _below(top, paths)
    in_folders, hashed = _find(served)
    count = len(in_folders) + len(hashed)
    if count < _FEWEST_FILES:
        return None
    chosen = {*in_folders, *(name.path for name in hashed)}
    others = [path for path in served if path not in chosen]
    patterns = _find_patterns(sorted(set(in_folders.values())), hashed, chosen, others)
    example = next(path for path in served if path in chosen)
    return Hashed(count, len(served), top + example, patterns)


def find_named_by_content(paths: Iterable[str], root: str) -> frozenset[str]:
    """Return which of the changed files a build named by their content, even if they are few."""
    top = posixpath.join(root, "")
    in_folders, hashed = _find(_below(top, paths))
    return frozenset(f"{top}{path}" for path in (*in_folders, *(name.path for name in hashed)))


def _below(top: str, paths: Iterable[str]) -> list[str]:
    return [path.removeprefix(top) for path in dict.fromkeys(paths) if path.startswith(top)]


def _find(served: list[str]) -> tuple[dict[str, str], list[_Name]]:
    """Return the paths in folders of a build, by their folder, and the other names that hold a hash."""
    in_folders = {path: found[0] for path in served if (found := _FOLDER_OF_HASHED.match(path))}
    others = [path for path in served if path not in in_folders]
    if not any(name.is_code and name.is_certain for name in map(_read, others) if name):
        return in_folders, []  # which is so of most sites; what all names hold takes more room than the names
    names = list(filter(None, map(_read, others)))
    sure = list(_find_sure(names))
    return in_folders, [*sure, *_find_alike(names, sure)]


def _read(path: str) -> _Name | None:
    folder, _, file = path.rpartition("/")
    found = _NAME.fullmatch(file)
    if not found or len(found["word"]) not in _LENGTHS or _UUID.fullmatch(file):
        return None
    return _Name(path, folder, found["mark"] or "", found["word"], found["ending"], bool(found["code"]))


def _find_sure(names: list[_Name]) -> Iterator[_Name]:
    """Yield scripts and styles, and the like of them that lies near: a picture by itself may be named by an id."""
    code = [name for name in names if name.is_code and name.is_certain]
    yield from code
    folders = {name.folder for name in code}
    near = folders | {parent for folder in folders if (parent := posixpath.dirname(folder))}
    styles = {name.style for name in code}
    for name in names:
        is_near = name.folder in folders or (name.folder and posixpath.dirname(name.folder) in near)
        is_of_build = name.style in styles or (name.mark and len(name.word) >= 20)
        if not name.is_code and is_near and is_of_build and name.is_certain:
            yield name


def _find_alike(names: list[_Name], sure: list[_Name]) -> Iterator[_Name]:
    """Yield those that say little by themselves, such as `rJzVYUUR`, beside at least as many that are sure."""
    by_place: dict[tuple[str, str, int], list[_Name]] = defaultdict(list)
    for name in names:
        by_place[name.folder, *name.style].append(name)
    known = {name.path for name in sure}
    for beside in by_place.values():
        words = [name.word for name in beside if name.path in known]
        if len(words) < _FEWEST_FILES:
            continue
        alphabet = next(one for one in _WRITTEN if all(map(one.fullmatch, words)))
        may_be_words = alphabet is not _BASE64 or len(words) >= _MANY
        alike = [
            name
            for name in beside
            if name.path not in known
            and alphabet.fullmatch(name.word)
            and not _WRITTEN[alphabet].fullmatch(name.word)
            and (may_be_words or not _WORDS.fullmatch(name.word))
        ]
        if len(alike) <= len(words):
            yield from alike


def _find_patterns(folders: list[str], hashed: list[_Name], chosen: set[str], others: list[str]) -> tuple[str, ...]:
    """Return few patterns that match all of the chosen and none of the others, the narrowest first; or none."""
    ways: tuple[Callable[[_Name], tuple[object, ...]], ...] = (
        lambda name: (name.folder, name.style),
        lambda name: (name.folder, name.style, name.ending),
        lambda name: (name.style,),
        lambda name: (name.style, name.ending),
    )
    with_exceptions: tuple[str, ...] = ()
    for way in ways:
        groups: dict[tuple[object, ...], list[_Name]] = defaultdict(list)
        for name in hashed:
            groups[way(name)].append(name)
        if len(folders) + len(groups) > _MOST_PATTERNS:
            continue
        lines = (*map(_escape, folders), *map(_pattern_of, groups.values()))
        if not _can_be_given(lines):
            continue
        wrong = _matched(lines, others)
        if not wrong:
            return lines
        lines += tuple("!" + ("" if "/" in path else "/") + _escape(path) for path in wrong)
        if not with_exceptions and _can_be_given(lines) and len(_matched(lines, chosen)) == len(chosen):
            with_exceptions = lines
    return with_exceptions


def _can_be_given(lines: tuple[str, ...]) -> bool:
    """Say whether people would copy these, and an input that has one a line holds them."""
    return len(lines) <= _MOST_PATTERNS and all(line.isprintable() and line == line.strip() for line in lines)


def _matched(lines: tuple[str, ...], paths: Iterable[str]) -> list[str]:
    patterns = parse_patterns(lines)
    return [path for path in paths if patterns and patterns.match(path)]


def _pattern_of(names: list[_Name]) -> str:
    folders, endings = {name.folder for name in names}, {name.ending for name in names}
    folder = _escape(posixpath.commonpath(folders))
    mark, length = names[0].style
    name = ("*" + mark if mark else "") + "?" * length + (endings.pop() if len(endings) == 1 else ".*")
    if len(folders) == 1:
        return f"{folder}/{name}"  # of the top folder, too: without a slash it would match in all
    return f"{folder}/**/{name}" if folder else name


def _escape(path: str) -> str:
    """Return what matches just this path."""
    escaped = _SPECIAL.sub(r"\\\1", path)
    return f"\\{escaped}" if escaped.startswith(("#", "!")) else escaped
