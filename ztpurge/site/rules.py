"""The rules of a configuration: a pattern over the repository's paths names URLs and directories to purge.

Pure. As in `patterns.py`, a pattern becomes one regular expression out of atomic groups, so that none takes long.
Reading the file, and saying where in it a rule stands, is left to others.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from ztpurge.errors import ZtpurgeError
from ztpurge.site.urls import DOT_SEGMENT, MAX_LENGTH, parse_directory, parse_url, spell_path

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

Kind = Literal["urls", "dirs"]
Purged = tuple[Kind, str]

_MAX_PATTERN = 4096  # bytes: PATH_MAX of Linux
_MAX_CAPTURES = 50
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FOLDERS = re.compile(rf"\*\*|\{{(?P<name>{_NAME.pattern}):\*\*\}}")
_PIECE = re.compile(
    r"\\(?P<itself>.)|\{(?P<form>[^{}]*)\}|(?P<stars>\*+)|(?P<plain>[^\\{}*?\[]+)|(?P<refused>.)", re.DOTALL
)
_REFUSED = {
    "\\": ("a segment of it ends in a backslash", "Take it out, or double it for the character"),
    "{": ("a `{` in it is not closed before the next slash", r"Close it, or write `\{` for the character"),
    "}": ("a `}` in it closes nothing", r"Take it out, or write `\}` for the character"),
    "?": ("`?` means something in `include` and `exclude`, but not here", r"Write `*`, or `\?` for the character"),
    "[": ("`[` means something in `include` and `exclude`, but not here", r"Write `*`, or `\[` for the character"),
}
_EARLY_CAPTURE = re.compile(r"(?:[^/?#]*//)?[^/?#]*\{")  # before the path


@dataclass(frozen=True, slots=True)
class Match:
    """A pattern for whole paths, `text` as it was written; from the left, each wildcard takes as little as it can."""

    text: str
    names: tuple[str, ...]
    _expression: re.Pattern[str]
    _segments: tuple[str, ...]
    _head: tuple[re.Pattern[str], ...]  # of the segments before the first that takes any number of a path's

    def captures_of(self, path: str) -> dict[str, str] | None:
        """Return what each name takes of a path, None if it does not match; only `{name:**}` can be empty."""
        found = self._expression.match(path)
        return {name: taken.removesuffix("/") for name, taken in found.groupdict().items()} if found else None

    def captures_below(self, folder: str) -> dict[str, str] | None:
        """Return the captures that all matching paths at or below a folder share, None if no such path can match."""
        names = folder.split("/")
        fitting = self._fitting(names)
        # what a folder does not reach can match some name below it
        if len(fitting) < len(names) and (len(fitting) < len(self._head) or len(self._head) == len(self._segments)):
            return None
        return {name: taken for found in fitting for name, taken in found.groupdict().items()}

    def mismatch(self, path: str) -> str:
        """Say in one sentence how far a path fits and what comes then; empty if it matches."""
        if self._expression.match(path):
            return ""
        names = path.split("/")
        count = len(self._fitting(names))
        place = f"after `{'/'.join(names[:count])}/`" if count else "at the top"
        wanted, found = "/".join(self._segments[count:]), "/".join(names[count:])
        wants = f"takes `{wanted}`" if wanted else "takes nothing"
        return f"`{self.text}` {wants} {place}, and the path {f'has `{found}`' if found else 'ends'} there"

    def _fitting(self, names: list[str]) -> list[re.Match[str]]:
        """Return the matches of the first names of a path with the first segments, as far as they fit."""
        fitting = []
        for name, segment in zip(names, self._head, strict=False):
            found = segment.fullmatch(name)
            if not found:
                break
            fitting.append(found)
        return fitting


@dataclass(frozen=True, slots=True)
class Template:
    """One URL or directory with captures: `names[i]` stands between the spelled `parts[i]` and `parts[i + 1]`."""

    names: tuple[str, ...]
    parts: tuple[str, ...]

    def fill(self, captures: Mapping[str, str]) -> tuple[str, ...]:
        """Put captures in, percent-encoded: a URL for each way that clients spell all of them.

        Left out is what none asks for: a URL with a `.` or `..` segment, or one that is too long.
        """
        encoded = {
            # as encodeURIComponent does, and `'` as browsers do after it (URL Standard: special-query)
            name: quote(taken.encode("utf-8", "surrogateescape"), safe="!()*")
            for name, taken in captures.items()
        }
        urls = []
        for spelled in spell_path("//".join(captures.values())):  # no capture holds, begins or ends with that
            in_path = dict(zip(captures, spelled.split("//"), strict=bool(captures)))  # of none, one empty
            url = self.parts[0]
            for name, part in zip(self.names, self.parts[1:], strict=True):
                is_query = "?" in url
                is_doubled = not captures[name] and url.endswith("/") and not is_query
                url += (encoded if is_query else in_path)[name] + (part.removeprefix("/") if is_doubled else part)
            if len(url) <= MAX_LENGTH and not DOT_SEGMENT.search(url.partition("?")[0]):
                urls.append(url)
        return tuple(urls)


@dataclass(frozen=True, slots=True)
class Rule:
    """What a changed file that matches has purged; `name` is how reports call the rule."""

    match: Match
    urls: tuple[Template, ...]
    dirs: tuple[Template, ...]
    name: str

    def urls_of(self, path: str) -> tuple[Purged, ...]:
        """Return what a changed file has purged, each once, URLs first; nothing if it does not match."""
        captures = self.match.captures_of(path)
        return () if captures is None else self._filled(captures)

    def below(self, folder: str) -> tuple[Purged, ...] | None:
        """Return what is purged whichever file at or below `folder` changed, None if that depends on the file."""
        captures = self.match.captures_below(folder)
        if captures is None:
            return ()
        is_known = all(captures.keys() >= {*template.names} for template in self.urls + self.dirs)
        return self._filled(captures) if is_known else None

    def mismatch(self, path: str) -> str:
        """Say in one sentence why a path does not match; empty if it does."""
        return self.match.mismatch(path)

    def _filled(self, captures: Mapping[str, str]) -> tuple[Purged, ...]:
        urls: list[Purged] = [("urls", url) for template in self.urls for url in template.fill(captures)]
        urls += [("dirs", url) for template in self.dirs for url in template.fill(captures)]
        return tuple(dict.fromkeys(urls))


def parse_match(text: str) -> Match:
    """Compile a pattern; raise ZtpurgeError for one that can match no file, or that can be read in two ways."""
    _check(text)
    segments = text.removeprefix("/").split("/")
    is_folders = [bool(_FOLDERS.fullmatch(segment)) for segment in segments]
    for one, other in itertools.pairwise(segments):
        if _FOLDERS.fullmatch(one) and _FOLDERS.fullmatch(other) and "{" in one + other:
            raise ZtpurgeError(f"nobody can tell where `{one}` ends and `{other}` begins", remedy="Leave one out")
    parsed = [_parse_segment(one, is_last=count == len(segments)) for count, one in enumerate(segments, start=1)]
    expressions = [expression for expression, _ in parsed]
    if {"", r"\.", r"\.\."} & {*expressions}:
        raise ZtpurgeError("no name in a path is empty, `.` or `..`", remedy="Write it as git lists files: `css/a.css`")
    names = [name for _, named in parsed for name in named]
    for name in names:
        if names.count(name) > 1:
            raise ZtpurgeError(f"it captures `{name}` twice", remedy="Give each capture a name of its own")
    if len(names) > _MAX_CAPTURES:
        raise ZtpurgeError(f"it has more than {_MAX_CAPTURES} captures", remedy="Write `*` for what no URL needs")
    # what follows folders, up to the next ones, is sought in the first place that it fits, which never spoils the rest
    whole = "".join(f")(?>{one}" if many else f"{one}/" for one, many in zip(expressions, is_folders, strict=True))
    head = expressions[: [*is_folders, True].index(True)]
    return Match(
        text,
        tuple(names),
        re.compile(rf"(?>{whole.removesuffix('/')}\Z)"),
        tuple(segments),
        tuple(map(re.compile, head)),
    )


def parse_template(text: str, names: Collection[str], *, is_directory: bool) -> Template:
    """Read a full URL that may hold captures of `names`; raise ZtpurgeError if it cannot be purged."""
    if _EARLY_CAPTURE.match(text):
        raise ZtpurgeError("a capture stands before the path", remedy="Write scheme and host out, as https://host/")
    pieces = re.split(r"\{([^{}]*)\}", text)
    literals, used = pieces[::2], pieces[1::2]
    if any("{" in literal or "}" in literal for literal in literals):
        raise ZtpurgeError("a brace in it belongs to no capture", remedy="Write %7B or %7D for the character")
    for form in used:
        if form not in names:
            raise _no_capture(form, names)
    if len(used) > _MAX_CAPTURES:
        raise ZtpurgeError(f"it has more than {_MAX_CAPTURES} captures", remedy="Take some out")
    if any(re.search(r"%[0-9A-Fa-f]?\Z", literal) for literal in literals[:-1]):
        raise ZtpurgeError("a `%` in front of a capture is not followed by two digits", remedy="Write %25 for it")
    hole = next(hole for count in itertools.count() if (hole := f"({count})") not in text)  # spelled as it is
    url = (parse_directory if is_directory else parse_url)(hole.join(literals))
    return Template(tuple(used), tuple(url.split(hole)))


def _check(text: str) -> None:
    """Raise ZtpurgeError for a text that is no pattern whatever its segments are."""
    if not text:
        raise ZtpurgeError("it is empty", remedy="Write a path from the repository's top folder on, or `**` for all")
    try:
        size = len(text.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError as error:
        raise ZtpurgeError("it holds half a character", remedy="Write the whole character") from error
    if size > _MAX_PATTERN:
        raise ZtpurgeError(f"it is longer than {_MAX_PATTERN} bytes, as no path is", remedy="Shorten it")
    if _CONTROL.search(text):
        raise ZtpurgeError("it holds a control character", remedy="Write `*` in its place")
    if text.endswith("/"):
        raise ZtpurgeError("it ends in a slash, and rules are about files", remedy="Write `folder/**` for all below it")


def _parse_segment(text: str, *, is_last: bool) -> tuple[str, list[str]]:
    """Return the expression for one segment, or for any number of them with their slashes, and what it captures."""
    folders = _FOLDERS.fullmatch(text)
    if folders:
        expression = "(?:[^/]++/)*?[^/]++" if is_last else "(?:[^/]++/)*?"
        name = folders["name"]
        return (f"(?P<{name}>{expression})", [name]) if name else (expression, [])
    literals, wildcards = [""], []
    for piece in _PIECE.finditer(text):
        if (piece["itself"] or "").isalnum():
            raise ZtpurgeError(
                f"`{piece[0]}` is a backslash before a character that needs none", remedy="Write `/` between folders"
            )
        literal = piece["itself"] or piece["plain"]
        if literal:
            literals[-1] += re.escape(literal)
            continue
        wildcards.append(_parse_wildcard(piece))
        if len(wildcards) > 1 and not literals[-1]:
            raise ZtpurgeError(
                f"nobody can tell where `{piece[0]}` begins, since a wildcard stands right before it",
                remedy="Write a character between them, or leave one out",
            )
        literals.append("")
    expression = literals[0]
    for count, (name, literal) in enumerate(zip(wildcards, literals[1:], strict=True), start=1):
        taken = f"(?P<{name}>[^/]+?)" if name else "[^/]*?"
        # the last one is bound to the segment's end
        expression += f"(?>{taken}{literal})" if count < len(wildcards) else taken + literal
    return expression, [name for name in wildcards if name]


def _parse_wildcard(piece: re.Match[str]) -> str:
    """Return the name of a capture within a segment, empty for `*`; raise ZtpurgeError for what is neither."""
    if piece["refused"]:
        cause, remedy = _REFUSED[piece["refused"]]
        raise ZtpurgeError(cause, remedy=remedy)
    form = piece["form"] or ""
    if piece["stars"] == "*" or _NAME.fullmatch(form):
        return form
    if piece["stars"] or _FOLDERS.fullmatch(piece[0]):
        raise ZtpurgeError(
            f"`{piece[0]}` shares a segment, and stands for whole ones",
            remedy="Write it alone between slashes, such as `a/**/b`, or `*` or `{name}` for a part of a segment",
        )
    raise ZtpurgeError(
        f"`{piece[0][:100]}` is no capture",
        remedy="Write `{name}` for a part of a segment or `{name:**}` for any number of them, the name in letters of "
        "ASCII, digits and `_`, with no digit in front",
    )


def _no_capture(form: str, names: Collection[str]) -> ZtpurgeError:
    """Return what is wrong with what stands in braces in a template."""
    name = form.partition(":")[0]
    if name in names:
        return ZtpurgeError(f"`{{{form[:100]}}}` is how `match` captures", remedy=f"Write `{{{name}}}`")
    import difflib  # noqa: PLC0415 - for those who misspell

    nearest = difflib.get_close_matches(name[:100], names, n=1)
    shown = ", ".join(f"`{{{known}}}`" for known in nearest or names)
    remedy = f"Write {shown}, or capture it there" if names else "Capture it there, or take it out"
    return ZtpurgeError(f"`match` captures no `{{{form[:100]}}}`", remedy=remedy)
