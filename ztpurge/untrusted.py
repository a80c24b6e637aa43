"""Text from outside (file names, server answers), made safe to show.

The runner obeys `##[command]` anywhere in a line and `::command::` at its start, and takes a bare CR for a line's
end; GitHub renders HTML and Markdown in summaries. See actions/runner, `ActionCommand` and `OutputManager`.
"""

from __future__ import annotations

import html
import re
import unicodedata

# control, format (bidi overrides, zero-width), line and paragraph separators, surrogates, unassigned, private
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs", "Cn", "Co"})
_LEADING_COMMAND = re.compile(r"^(\s*)::")


def for_log(text: str, *, limit: int = 2000) -> str:
    """Return `text`, cut after `limit` characters, as one printable line that no runner takes for a command."""
    if len(text) > limit:
        text = f"{text[:limit]}... ({len(text)} characters)"
    line = text if text.isascii() and text.isprintable() else "".join(map(_shown, text))
    line = line.replace("##[", r"#\#[")
    return _LEADING_COMMAND.sub(r"\1\\::", line) if "::" in line else line


def for_html(text: str, *, limit: int = 2000) -> str:
    """Return `text` as one line that is safe inside an HTML element such as `<pre>`."""
    return html.escape(for_log(text, limit=limit))


def _shown(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN_CATEGORIES:
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, kept by surrogateescape
        return f"\\x{code - 0xDC00:02x}"
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character) or (
        f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    )
