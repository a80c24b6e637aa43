"""Lists of changed paths as git and other actions write them -> changes; how they disguise names is undone.

Pure; bytes in, since a file name may hold any byte but `/` and NUL. What cannot be read with certainty is refused:
a wrong URL purged without a word would leave the right one stale.
"""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING

from ztpurge.changes.paths import Change, changes_of
from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_STATUS = rb"[ACDMRTUXB][0-9]{0,3}"
_STATUS_LINE = re.compile(_STATUS + rb"(\t[^\t]+){1,2}")
_NAME = r"[^\s,]*[^\s,.]\.[A-Za-z0-9]+"
_SEVERAL_NAMES = re.compile(rf"{_NAME}(?:[ ,]+{_NAME})+")
_SEPARATORS = re.compile(r"[\s,|;]")
_SEPARATORS_OF_LINES = re.compile(r"[|;]|,$")  # where each name has a line, a blank and a comma may be part of it
# `git status --short` has two letters, the first of all lines less its blank if somebody trimmed them; also
# `git diff --name-status` whose tabs became blanks
_SHORT_STATUS = re.compile(r"(?:## | ?[ACDMRTUXB?!]{1,2}[0-9]{0,3} +)\S.*")
# git quotes names with these, and it quotes with double quotes; whoever writes them bare is not git
_NOT_GIT_S = re.compile(r"""[\x00-\x1f\x7f"\\]|^[\s']|\s$""")
# core.quotePath of git's configuration: C-style quotes, octal escapes
_QUOTED = re.compile(rb'"((?:[^"\\]|\\(?:[abtnvfr"\\]|[0-3][0-7]{2}))*)"')
_ESCAPE = re.compile(rb'\\([abtnvfr"\\]|[0-3][0-7]{2})')
_LETTERS = dict(zip(b'abtnvfr"\\', b'\a\b\t\n\v\f\r"\\', strict=True))
# tj-actions/changed-files puts a backslash before special characters after joining (`safe_output`); an even number of
# backslashes before that one is git's own
_SAFE = re.compile(rb"(?<!\\)((?:\\\\)*)\\([:*?<>|;`$()&!]|[^\x20-\x7e])")
_TJ_WORD = re.compile(rb'"(?:[^"\\]|\\.)*"|[^ ]+')
_SAY_WHICH = "Say with `files-format` how the list is written"


def parse_list(data: bytes, list_format: str = "auto") -> tuple[Change, ...]:
    """Read a list in one of `FORMATS`; raise ZtpurgeError for what it cannot mean with certainty."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ZtpurgeError("it is written in UTF-16", remedy="Write it in UTF-8")
    is_text = list_format != "nul" and b"\0" not in data
    return changes_of(FORMATS[list_format](data.removeprefix(_BYTE_ORDER_MARK) if is_text else data))


def is_split_at_blanks(data: bytes, list_format: str) -> bool:
    """Say whether names in the list were told apart by blanks, so that one that holds a blank was read as several."""
    text = data.strip()
    return (list_format == "space" and b" " in text) or (
        list_format == "tj" and b" " in text and b"\n" not in text and not text.startswith(b"[")
    )


def _read_auto(data: bytes) -> Iterator[str | Change]:
    if b"\0" in data:
        if re.match(rb":[0-7]{6} |" + _STATUS + rb"\0", data):
            raise ZtpurgeError("its first entry may be a name or git's status of one", remedy=_SAY_WHICH)
        return _read_nul(data)
    text = data.strip()
    for opening, closing in (b"[]", b"{}"):
        if text[:1] == bytes([opening]) and text[-1:] == bytes([closing]) and (b'"' in text or not text[1:-1].strip()):
            return _read_json(data)
    lines = [line.removesuffix(b"\r") for line in data.split(b"\n")]
    filled = [line for line in lines if line.strip()]
    if filled and all(map(_STATUS_LINE.fullmatch, filled)):
        return _read_name_status(data)
    _refuse_what_is_no_list_of_lines([_decode(line) for line in filled])
    return _read_lines(data)


def _read_lines(data: bytes) -> Iterator[str]:
    for line in data.split(b"\n"):
        name = line.removesuffix(b"\r")
        if name.strip():
            yield _decode(_unquote(name))


def _read_nul(data: bytes) -> Iterator[str]:
    return (_decode(name) for name in data.split(b"\0") if name)


def _read_json(data: bytes) -> Iterator[str]:
    names = _json_names(data)
    for name in names:
        if "\\" in name and _QUOTED.fullmatch(name.encode()):  # git quoted it because it had to
            raise ZtpurgeError(
                f"the name {name!r} is quoted as git quotes names",
                remedy="Set `files-format: tj`, which takes such names, or write them as they are",
            )
    return iter(names)


def _read_space(data: bytes) -> Iterator[str]:
    for name in filter(None, re.split(r"[ \t\r\n]+", _decode(data))):
        if re.search(r"""["'\\]""", name):
            raise ZtpurgeError(
                f"{name!r} holds a quote or a backslash, which may be part of the name or not",
                remedy="Write the list as JSON; if tj-actions/changed-files wrote it, set `files-format: tj`",
            )
        yield name


def _read_csv(data: bytes) -> Iterator[str]:
    import csv  # noqa: PLC0415 - for a format that is seldom taken

    try:
        names = [
            name
            for row in csv.reader(io.StringIO(_decode(data).strip("\r\n"), newline=""), strict=True)
            for name in row
        ]
    except csv.Error as error:
        raise ZtpurgeError(f"it is not CSV ({error})", remedy=_SAY_WHICH) from error
    for name in filter(None, names):
        if name != name.strip():
            raise ZtpurgeError(f"{name!r} begins or ends with white space", remedy="Write no blanks beside the commas")
        yield name


def _read_name_status(data: bytes) -> Iterator[Change]:
    """Read what `git diff --name-status` writes, with or without -z: of a rename both names, of a copy the new one."""
    if b"\0" in data:
        records: Iterable[list[bytes]] = [data.split(b"\0")]
    else:
        lines = (line.removesuffix(b"\r").split(b"\t") for line in data.split(b"\n") if line.strip())
        records = ([status, *map(_unquote, names)] for status, *names in lines)
    for fields in map(iter, records):
        for status in filter(None, fields):
            if not re.fullmatch(_STATUS, status):
                raise ZtpurgeError(
                    f"{_decode(status)[:200]!r} stands where a status such as M or R100 should", remedy=_SAY_WHICH
                )
            paths = [next(fields, b"") for _ in range(2 if status[:1] in {b"R", b"C"} else 1)]
            if not all(paths):
                raise ZtpurgeError(f"the status {_decode(status)} has no path", remedy=_SAY_WHICH)
            *old, path = map(_decode, paths)
            if status[:1] == b"R":
                yield Change(old[0], is_deleted=True)
            yield Change(path, is_deleted=status[:1] == b"D")


def _read_tj(data: bytes) -> Iterator[str]:
    """Read what tj-actions/changed-files writes, with its `safe_output` and `escape_json` or without."""
    text = _SAFE.sub(rb"\1\2", data.strip(b" \n"))
    if "\N{REPLACEMENT CHARACTER}".encode() in text:
        raise ZtpurgeError("it holds names that the action could not spell", remedy="Use its `safe_output: false`")
    is_json = text == b"[]" or text.startswith((b'["', b'[\\"'))  # git would have quoted a name that holds a quote
    if is_json:
        unescaped = text.replace(b'\\"', b'"') if text.startswith(b'[\\"') else text
        names: Iterable[bytes] = (name.encode() for name in _json_names(unescaped))
    elif b"\n" in text:
        names = text.split(b"\n")
    else:
        names = _TJ_WORD.findall(text)
    for name in names:
        if not name.startswith(b'"') and re.search(rb"[,|;:#\t]", name) and not is_json:
            raise ZtpurgeError(
                f"{_decode(name)[:200]!r} may be one name or several", remedy='Use its `separator: "\\n"`'
            )
        yield _decode(_unquote(name))


FORMATS: dict[str, Callable[[bytes], Iterator[str | Change]]] = {
    "auto": _read_auto,
    "lines": _read_lines,
    "json": _read_json,
    "nul": _read_nul,
    "space": _read_space,
    "csv": _read_csv,
    "name-status": _read_name_status,
    "tj": _read_tj,
}


def _json_names(data: bytes) -> list[str]:
    try:
        names = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ZtpurgeError(
            f"it looks like JSON but cannot be read as such ({error})",
            remedy="Write an array of strings; if tj-actions/changed-files wrote it, set `files-format: tj`, or its "
            '"escape_json: false" and "safe_output: false"',
        ) from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ZtpurgeError("it is JSON, but not an array of strings")
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise ZtpurgeError(f"the name {name!r} is not text", remedy="Write a NUL-separated list") from error
    return names


def _decode(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _unquote(name: bytes) -> bytes:
    """Undo git's quoting of a name that begins with a quote; leave others."""
    if not name.startswith(b'"'):
        return name
    quoted = _QUOTED.fullmatch(name)
    if not quoted:
        raise ZtpurgeError(
            f"the line {_decode(name)!r} begins with a quote but is not as git quotes names",
            remedy="Write the list as a JSON array, or NUL-separated",
        )
    return _ESCAPE.sub(lambda code: bytes([int(code[1], 8) if len(code[1]) > 1 else _LETTERS[code[1][0]]]), quoted[1])


def _refuse_what_is_no_list_of_lines(lines: list[str]) -> None:
    if lines and all(map(_SHORT_STATUS.fullmatch, lines)):
        raise ZtpurgeError(
            f"it looks like what `git status` prints ({lines[0][:200]!r})",
            remedy="Write what `git diff --name-status` prints, as it is; if the names begin so, set "
            "`files-format: lines`",
        )
    if lines and all(line.startswith("- ") for line in lines):
        raise ZtpurgeError(
            "it looks like a YAML list, which an input cannot hold",
            remedy="Write one path a line, without dashes; if the names begin so, set `files-format: lines`",
        )
    for line in lines:
        if line.startswith('"') and line.endswith('"'):
            continue  # git's quoting, undone or refused later
        if _NOT_GIT_S.search(line):
            raise ZtpurgeError(
                f"{line[:200]!r} is not as git writes a name",
                remedy=f"{_SAY_WHICH}: `tj`, `space`, `csv`, or `lines` if each line is a name as it stands",
            )
        if "*" in line:
            raise ZtpurgeError(
                f"{line[:200]!r} holds a `*`, and a list has names, not patterns",
                remedy="List the files that changed, or take the list out and give the pattern to `include`; if it is "
                "a name, set `files-format: lines`",
            )
        separators = _SEPARATORS if len(lines) == 1 else _SEPARATORS_OF_LINES
        if _SEVERAL_NAMES.fullmatch(line) or separators.search(line):
            raise ZtpurgeError(
                f"{line[:200]!r} may be one name or several",
                remedy="Write one path a line; if it is one name, set `files-format: lines`; else `space` or `csv`",
            )
