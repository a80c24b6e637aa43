"""Patterns over paths, by the rules of .gitignore (gitignore(5)); as git does, they match bytes.

Each pattern becomes one regular expression out of atomic groups: a part that has matched is never tried in another way,
so no pattern takes longer over a name than the product of their lengths.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass

from ztpurge.errors import ZtpurgeError

_TOKEN = re.compile(
    rb"(?P<slash>\\?/)|(?P<stars>\*+)|(?P<any>\?)|\[(?P<negation>[!^]?)|\\?(?P<itself>(?<=\\).|[^\\])", re.DOTALL
)
_MEMBER = re.compile(rb"\[:(?P<name>[^\]]*):\]|(?P<first>\\.|[^\\])(?:-(?P<last>\\.|[^\]\\]))?", re.DOTALL)
_UP_TO_BLANKS = re.compile(r"(?: *+(?:\\.?|[^\\ ]))*+", re.DOTALL)  # a blank after a backslash is part of the pattern
# git's ctype.c, whatever the locale: a vertical tab and a form feed are no `space`
_CLASSES = {
    "alnum": string.ascii_letters + string.digits,
    "alpha": string.ascii_letters,
    "blank": " \t",
    "cntrl": "".join(map(chr, range(0x20))) + "\x7f",
    "digit": string.digits,
    "graph": string.ascii_letters + string.digits + string.punctuation,
    "lower": string.ascii_lowercase,
    "print": string.ascii_letters + string.digits + string.punctuation + " ",
    "punct": string.punctuation,
    "space": " \t\n\r",
    "upper": string.ascii_uppercase,
    "xdigit": string.hexdigits,
}
_MAX_LENGTH = 1 << 16  # characters; ten times as many take a second to compile
_FOLDERS = [b"**"]  # a segment; any other piece of a segment is an expression for one byte, or `*`


@dataclass(frozen=True, slots=True)
class Patterns:
    """A list of patterns; the last one that matches decides, and one that begins with `!` takes back."""

    lines: tuple[str, ...]
    _rules: tuple[tuple[re.Pattern[bytes], bool], ...]  # from the last to the first; False takes back

    def match(self, path: str) -> bool:
        """Say whether the list matches `path`, relative and with `/`, or a folder that it lies in."""
        name = path.encode("utf-8", "surrogateescape")
        for expression, is_match in self._rules:
            if expression.match(name):
                return is_match
        return False


def parse_patterns(lines: tuple[str, ...]) -> Patterns | None:
    """Compile patterns, None if there are none but comments; raise ZtpurgeError for one that can match no file."""
    rules = []
    for line in lines:
        found = _UP_TO_BLANKS.match(line)
        pattern = found[0] if found and not line.startswith("#") else ""
        if len(pattern) > _MAX_LENGTH:
            raise ZtpurgeError(f"`{line[:100]}...` is longer than {_MAX_LENGTH} characters")
        if pattern:
            try:
                rules.append((_compile(pattern.removeprefix("!")), not pattern.startswith("!")))
            except ZtpurgeError as error:
                raise ZtpurgeError(f"`{line}` can match no file: {error.cause}", remedy=error.remedy) from error
    return Patterns(lines, tuple(reversed(rules))) if rules else None


def parse_include(lines: tuple[str, ...]) -> Patterns | None:
    """Compile patterns of which at least one picks files; those that begin with `!` only take back."""
    patterns = parse_patterns(lines)
    if patterns and all(line.startswith(("!", "#")) for line in patterns.lines):
        raise ZtpurgeError(
            "all its patterns begin with `!`, which takes back, so no file can match",
            remedy="Begin with a pattern that picks files, such as `*`, or move them to `exclude`, without the `!`",
        )
    return patterns


def patterns_that_repeat(root: str, patterns: Patterns | None) -> tuple[str, ...]:
    """Return the patterns that begin with the root itself, and so are about a folder of that name below it."""
    start = f"{root}/"
    return tuple(
        line
        for line in (patterns.lines if patterns and root else ())
        if (bare := line.removeprefix("!").removeprefix("/")).startswith(start) and bare != start
    )


def _compile(pattern: str) -> re.Pattern[bytes]:
    """Return what matches, at their beginning, the names that a pattern means and all names below them."""
    try:
        body = pattern.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise ZtpurgeError("it holds half a character") from error
    is_folder, body = body.endswith(b"/"), body.removesuffix(b"/")
    *above, last = _segments(body.removeprefix(b"/"))
    if b"/" not in body:
        above, last = [_FOLDERS], [b"*" if piece == b"**" else piece for piece in last]
    expression = b"(?>"
    for segment in above:
        # what follows `**` up to the next one is sought in the first place that it fits, which never spoils the rest
        expression += b")(?>(?:[^/]++/)*?" if segment == _FOLDERS else _expression(segment) + b"/"
    if last == _FOLDERS:
        expression += b"[^/]++/" if is_folder else b""
    else:
        expression += _expression(last) + (b"/" if is_folder else rb"(?:/|\Z)")
    return re.compile(expression + b")", re.DOTALL)


def _segments(body: bytes) -> list[list[bytes]]:
    """Split a pattern at its slashes, and each segment into pieces: an expression for one byte, `*` or `**`."""
    segments: list[list[bytes]] = [[]]
    position = 0
    while position < len(body):
        found = _TOKEN.match(body, position)
        if not found:
            raise ZtpurgeError("it ends in a backslash", remedy="Take it out, or double it for the character")
        position = found.end()
        if found["slash"]:
            if found["slash"] != b"/" and segments[-1] == _FOLDERS:
                segments.append([b"*"])  # in git, `**\/` is at least one folder
            segments.append([])
        elif found["negation"] is not None:
            members, position = _members(body, position)
            segments[-1].append(b"[%b/%b]" % (b"^", members) if found["negation"] else b"(?!/)[%b]" % members)
        else:
            segments[-1].append(
                found["stars"][:2] if found["stars"] else b"[^/]" if found["any"] else re.escape(found["itself"])
            )
    if any(b"".join(segment) in {b"", rb"\.", rb"\.\."} for segment in segments):
        raise ZtpurgeError("no name in a path is empty, `.` or `..`", remedy="Write it as `css/*.css`, from `root` on")
    return segments


def _members(body: bytes, position: int) -> tuple[bytes, int]:
    """Return the members of a `[...]` for a `[...]` of an expression, and where it ends."""
    members = b""
    while not members or body[position : position + 1] != b"]":
        found = _MEMBER.match(body, position)
        if not found:
            raise ZtpurgeError("a `[` in it is never closed", remedy=r"Close it, or write `\[` for the character")
        position = found.end()
        if found["name"] is not None:
            name = found["name"].decode("utf-8", "surrogateescape")
            if name not in _CLASSES:
                raise ZtpurgeError(f"there is no class `[:{name}:]`", remedy=f"The classes are {', '.join(_CLASSES)}")
            members += re.escape(_CLASSES[name].encode())
            continue
        first, last = found["first"][-1:], (found["last"] or found["first"])[-1:]
        if max(first, last) > b"\x7f":
            raise ZtpurgeError(
                "a `[...]` stands for one byte, and only those of ASCII are characters",
                remedy="Write one pattern for each character, or `*`",
            )
        if first > last:
            raise ZtpurgeError(f"the range `{(first + b'-' + last).decode()}` runs backwards")
        members += b"%b-%b" % (re.escape(first), re.escape(last))
    return members, position + 1


def _expression(segment: list[bytes]) -> bytes:
    """Return the expression for one segment; what stands between two asterisks is sought in the first place, too."""
    parts = [b""]
    for piece in segment:
        if piece in {b"*", b"**"}:
            parts.append(b"")
        else:
            parts[-1] += piece
    first, *rest = parts
    if not rest:
        return first
    return first + b"".join(b"(?>[^/]*?%b)" % part for part in rest[:-1]) + b"[^/]*" + rest[-1]
