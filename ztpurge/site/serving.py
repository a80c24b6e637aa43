"""One site: which files a folder of the repository serves, at which URLs, each rule read in both directions.

Pure. How a URL is spelled is left to `urls.py`; what several sites make of a change to `mapping.py`.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote_to_bytes

from ztpurge.errors import ZtpurgeError
from ztpurge.site.urls import parse_directory, parse_url, spell_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ztpurge.site.patterns import Patterns

Kind = Literal["file", "folder", "given"]

THE_INPUTS = "the inputs"
INDEX_FILES = ("index.html", "index.htm")  # of a site that names none
_PAGE_ENDINGS = (".html", ".htm")
_STEM = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[^/\0]+)*")  # empty, or segments that a file or folder may be called
_MAX_NAME = 255  # bytes: NAME_MAX of Linux
_MAX_FOLDER = 2000  # bytes: half of PATH_MAX, for the workspace lies above and files below
_FILE_ENDING = re.compile(
    r".+\.(avif|bmp|br|cjs|css|csv|eot|gif|gz|html?|ico|jpe?g|js|json|map|md|mjs|mp[34]|og[gv]|otf|pdf|png|svg|tgz|ttf"
    r"|txt|wasm|webm|webmanifest|webp|woff2?|xhtml|xml|zip)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """How a folder of the repository is served: `base_urls` end in `/`, `root` is `` or `a/b`.

    `variants` are appended to each URL; `origin` is what stands for a base URL at the origin itself, if that can be
    looked at; `edges` says at which edges the hosts are looked at, if that is told (`edges.py`); `project_id` is the
    account's project that the hosts stand in, if that must be; `name` is what reports call the site.
    """

    base_urls: tuple[str, ...]
    root: str = ""
    include: Patterns | None = None
    exclude: Patterns | None = None
    index_files: tuple[str, ...] = ()
    clean_urls: bool = False
    variants: tuple[str, ...] = ("",)
    project_id: str = ""
    origin: str = ""
    edges: tuple[str, ...] = ()
    name: str = THE_INPUTS

    def place(self, key: str) -> str:
        """Return where a key of the site stands, for errors about its value."""
        return key if self.name == THE_INPUTS else f"{self.name}, {key}"

    def holds(self, path: str) -> bool:
        """Say whether a path of the repository lies below the root."""
        return path.startswith(f"{self.root}/") if self.root else True

    def why_not(self, path: str) -> str:
        """Return why the site does not serve a file of the repository, nothing if it does."""
        if not self.holds(path):
            return f"outside root {self.root}"
        served = path[len(self.root) + 1 :] if self.root else path
        if self.include and not self.include.match(served):
            return "not matched by include"
        return "matched by exclude" if self.exclude and self.exclude.match(served) else ""

    def urls_of(self, path: str) -> list[tuple[str, Kind]]:
        """Return the URLs of a file that the site serves, each with the kind of what is gone if nothing is behind."""
        file = path[len(self.root) :] if self.root else f"/{path}"
        ways = _ways(self.index_files, clean_urls=self.clean_urls)
        asked = [(request, way.kind) for way in ways if (request := way.request_for(file)) is not None]
        spelled = [(spelling, kind) for request, kind in asked for spelling in spell_path(request)]
        return [
            (base[:-1] + spelling + variant, kind)
            for base in self.base_urls
            for spelling, kind in spelled
            if spelling or base.count("/") > 3  # at the top of a host the slash is the whole path
            for variant in self.variants
        ]

    def files_for(self, url: str, base: str) -> Iterator[str]:
        """Yield the files of the repository that may be behind a URL under `base`, one of the base URLs.

        That which takes precedence comes first; there are none for a URL that is not under it.
        """
        for variant in self.variants:
            plain = url.removesuffix(variant)
            if url.endswith(variant) and "?" not in plain and f"{plain}/".startswith(base):
                request = unquote_to_bytes(plain[len(base) - 1 :]).decode("utf-8", "surrogateescape")
                files = (way.file_for(request) for way in _ways(self.index_files, clean_urls=self.clean_urls))
                yield from (posixpath.join(self.root, file[1:]) for file in files if file)


def parse_root(text: str) -> str:
    """Read a folder of the repository as `a/b`, the top folder as an empty text."""
    parts = [part for part in text.split("/") if part not in {"", "."}]
    lengths = [len(part.encode("utf-8", "replace")) for part in parts]
    is_too_long = max(lengths, default=0) > _MAX_NAME or sum(lengths) > _MAX_FOLDER
    if text.startswith("/") or ".." in parts or is_too_long:
        raise ZtpurgeError(f"{text[:200]!r} is not a folder of the repository", remedy="Write it relative, as `dist`")
    return "/".join(parts)


def parse_index_files(names: tuple[str, ...]) -> tuple[str, ...]:
    """Check the names of index files; `none` is no name."""
    for name in names:
        if not name or "/" in name or "," in name:
            raise ZtpurgeError(f"{name!r} is not the name of a file", remedy="Write one name a line, without a folder")
    return () if names == ("none",) else names


def parse_variant(text: str) -> str:
    """Spell what is appended to a URL for another of its cache keys: nothing, or a query with its `?`."""
    if text and not text.startswith("?"):
        raise ZtpurgeError("it is no query", remedy="Begin it with a `?`, or write an empty text for the plain URL")
    top = "http://host/"
    return parse_url(top + text).removeprefix(top)


def parse_folder_url(text: str) -> str:
    """Spell the URL of a folder, with its closing slash; raise ZtpurgeError for one that looks like a file's."""
    if _FILE_ENDING.fullmatch(text.partition("://")[2].partition("/")[2].rpartition("/")[2]):
        raise ZtpurgeError(
            "it ends as a file does, but stands where a folder should",
            remedy="Give the folder's address, or a single URL in `urls`; if it is a folder, end it with a `/`",
        )
    return parse_directory(text)


@dataclass(frozen=True, slots=True)
class _Way:
    """One way to serve files: what is asked for with the ending `asked` is the file that ends in `file` instead.

    Paths begin with `/`; the request for the folder of the site itself, without its slash, is empty.
    """

    file: str
    asked: str
    kind: Kind

    def request_for(self, file: str) -> str | None:
        """Return the request that is answered with a file, None if it is not served in this way."""
        return file if self.file == self.asked else self._swap(file, self.file, self.asked)

    def file_for(self, request: str) -> str | None:
        """Return the file that a request is answered with, None if the way is one for other requests."""
        return self._swap(request, self.asked, self.file)

    def _swap(self, path: str, ending: str, other: str) -> str | None:
        if not path.endswith(ending):
            return None
        stem = path.removesuffix(ending)
        return stem + other if _STEM.fullmatch(stem) and (stem or self.file.startswith("/")) else None


@cache
def _ways(index_files: tuple[str, ...], *, clean_urls: bool) -> tuple[_Way, ...]:
    """Return the ways in which files are served; of those that answer the same request the first takes precedence."""
    ways = [_Way("", "", "file")]
    ways += [_Way(f"/{name}", "/", "folder") for name in index_files]
    if clean_urls:
        ways += [_Way(ending, "", "folder") for ending in _PAGE_ENDINGS]
        ways += [_Way(f"/{name}", "", "folder") for name in index_files]
    return tuple(dict.fromkeys(ways))
