"""Lists of changed paths as git and other actions write them -> changes.

Pure; bytes in, since a file name may hold any byte but `/` and NUL. What cannot be read with certainty is refused:
a wrong URL purged without a word would leave the right one stale.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from ztpurge.changes import Change, changes_of
from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NAME = r"[^\s,]*[^\s,.]\.[A-Za-z0-9]+"
_SEVERAL_NAMES = re.compile(rf"{_NAME}(?:[ ,]+{_NAME})+")
_ESCAPE = re.compile(rb'\\([abtnvfr"\\]|[0-3][0-7]{2})')
_QUOTED = re.compile(rb'"((?:[^"\\]|\\(?:[abtnvfr"\\]|[0-3][0-7]{2}))*)"')
_LETTERS = dict(zip(b'abtnvfr"\\', b'\a\b\t\n\v\f\r"\\', strict=True))


def parse_list(data: bytes, list_format: str = "auto") -> tuple[Change, ...]:
    """Read a list in one of `FORMATS`; raise ZtpurgeError for what it cannot mean with certainty."""
    return changes_of(FORMATS[list_format](data))


def _read_auto(data: bytes) -> Iterator[str]:
    if b"\0" in data:
        return _read_nul(data)
    text = data.strip()
    if text.startswith(b"[") and text.endswith(b"]") and (b'"' in text or not text[1:-1].strip()):
        return _read_json(data)
    _refuse_other_lists(text.decode("utf-8", "surrogateescape").splitlines())
    return _read_lines(data)


def _read_lines(data: bytes) -> Iterator[str]:
    for line in data.split(b"\n"):
        name = line.removesuffix(b"\r")
        if name.strip():
            yield _decode(_unquote(name) if name.startswith(b'"') else name)


def _read_nul(data: bytes) -> Iterator[str]:
    return (_decode(name) for name in data.split(b"\0") if name)


def _read_json(data: bytes) -> Iterator[str]:
    try:
        names = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ZtpurgeError(
            f"it looks like JSON but cannot be read as such ({error})",
            remedy='Write an array of strings; of tj-actions/changed-files, ask for "json: true, escape_json: false, '
            'safe_output: false, quotepath: false"',
        ) from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ZtpurgeError("it is JSON, but not an array of strings")
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise ZtpurgeError(f"the name {name!a} is not text", remedy="Write a NUL-separated list") from error
    return iter(names)


FORMATS: dict[str, Callable[[bytes], Iterator[str]]] = {
    "auto": _read_auto,
    "lines": _read_lines,
    "json": _read_json,
    "nul": _read_nul,
}


def _decode(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _unquote(line: bytes) -> bytes:
    """Undo git's C-style quoting (git-config, core.quotePath)."""
    quoted = _QUOTED.fullmatch(line)
    if not quoted:
        raise ZtpurgeError(
            f"the line {_decode(line)!a} begins with a quote but is not as git quotes names",
            remedy="Write the list as a JSON array, or NUL-separated",
        )
    return _ESCAPE.sub(lambda found: _unescape(found[1]), quoted[1])


def _unescape(code: bytes) -> bytes:
    return bytes([int(code, 8) if len(code) > 1 else _LETTERS[code[0]]])


def _refuse_other_lists(lines: list[str]) -> None:
    if len(lines) == 1 and _SEVERAL_NAMES.fullmatch(lines[0]):
        raise ZtpurgeError(
            f"{lines[0][:200]!a} may be one name or several",
            remedy="Write one path a line; if it is one name, set `files-format: lines`",
        )
    if lines and all(line.startswith("- ") for line in lines if line.strip()):
        raise ZtpurgeError(
            "it looks like a YAML list, which an input cannot hold",
            remedy="Write one path a line, without dashes; if the names begin so, set `files-format: lines`",
        )
