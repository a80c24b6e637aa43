"""How git and other actions disguise file names in lists, and back. Pure; bytes, since names are.

git: config documentation, core.quotePath (C-style quotes, octal escapes). tj-actions/changed-files: its `safe_output`
puts a backslash before special characters after joining, its `escape_json` one before each quote.
"""

from __future__ import annotations

import re

from ztpurge.errors import ZtpurgeError

_ESCAPE = re.compile(rb'\\([abtnvfr"\\]|[0-3][0-7]{2})')
_QUOTED = re.compile(rb'"((?:[^"\\]|\\(?:[abtnvfr"\\]|[0-3][0-7]{2}))*)"')
_LETTERS = dict(zip(b'abtnvfr"\\', b'\a\b\t\n\v\f\r"\\', strict=True))
# an even number of backslashes before is git's own; the odd one is tj's
_SAFE = re.compile(rb"(?<!\\)((?:\\\\)*)\\([:*?<>|;`$()&!]|[^\x20-\x7e])")


def unquote_git(name: bytes) -> bytes:
    """Undo git's quoting of a name that begins with a quote; leave others; raise ZtpurgeError if it is not git's."""
    if not name.startswith(b'"'):
        return name
    quoted = _QUOTED.fullmatch(name)
    if not quoted:
        raise ZtpurgeError(
            f"the line {name.decode('utf-8', 'surrogateescape')!r} begins with a quote but is not as git quotes names",
            remedy="Write the list as a JSON array, or NUL-separated",
        )
    return _ESCAPE.sub(lambda found: _unescape(found[1]), quoted[1])


def is_quoted_by_git(name: str) -> bool:
    """Say whether a name looks like one that git quoted because it had to."""
    return "\\" in name and _QUOTED.fullmatch(name.encode("utf-8", "surrogatepass")) is not None


def undo_safe_output(text: bytes) -> bytes:
    """Take out the backslashes that tj's `safe_output` put in."""
    return _SAFE.sub(rb"\1\2", text)


def undo_escape_json(text: bytes) -> bytes:
    """Take out the backslashes that tj's `escape_json` put before quotes."""
    return text.replace(b'\\"', b'"')


def _unescape(code: bytes) -> bytes:
    return bytes([int(code, 8) if len(code) > 1 else _LETTERS[code[0]]])
