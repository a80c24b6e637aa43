"""Text from outside is shown as one line that neither the runner nor GitHub's renderer obeys."""

from __future__ import annotations

import html
import re
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

import ztpurge
from tests.tables import cases
from ztpurge.untrusted import for_html, for_log

HOSTILE = st.lists(
    st.one_of(
        st.sampled_from(["##[", "#", "[", "::", ":", "\r", "\n", " ", "\u00a0", "\u3000", "www.", "&#", "@", "<", "|"]),
        st.text(st.characters(exclude_categories=()), max_size=8),
    ),
    max_size=12,
).map("".join)


@cases("text shown", {
    "plain": ("css/a b.css", "css/a b.css"), "empty": ("", ""),
    "letters and emoji": ("caf\u00e9/\u4e2d\u6587/\U0001f600", "caf\u00e9/\u4e2d\u6587/\U0001f600"),
    "LF": ("a\nb", r"a\nb"), "CR": ("a\rb", r"a\rb"), "tab": ("a\tb", r"a\tb"), "NUL": ("a\0b", r"a\x00b"),
    "escape sequence": ("\x1b[31m", r"\x1b[31m"), "DEL": ("a\x7fb", r"a\x7fb"), "NEL": ("a\x85b", r"a\x85b"),
    "bidi override": ("a\u202eb", r"a\u202eb"), "zero width": ("a\u200bb", r"a\u200bb"),
    "line separator": ("a\u2028b", r"a\u2028b"), "private use": ("a\ue000b", r"a\ue000b"),
    "tag character": ("a\U000e0041b", r"a\U000e0041b"), "byte that is not UTF-8": ("a\udcffb", r"a\xffb"),
    "first byte that is not ASCII": ("\udc80", r"\x80"), "lone surrogate": ("a\ud800b", r"a\ud800b"),
    "old command anywhere": ("x##[set-output name=req-ids]y", r"x#\#[set-output name=req-ids]y"),
    "old command after a hash": ("###[error]", r"##\#[error]"), "two old commands": ("##[a]##[b]", r"#\#[a]#\#[b]"),
    "no command": ("## [a]", "## [a]"), "command at the start": ("::error::x", r"\::error::x"),
    "command after blanks": ("  ::error::x", r"  \::error::x"),
    "command after a wide blank": ("\u3000::error::x", "\u3000\\::error::x"), "colons inside": ("a::b", "a::b"),
})  # fmt: skip
def test_the_log_shows_one_printable_line(text: str, shown: str) -> None:
    assert for_log(text) == shown


def test_long_text_is_cut_and_says_so() -> None:
    assert for_log("abcdefghij", limit=10) == "abcdefghij"
    assert for_log("abcdefghijkl", limit=10) == "abcdefghij... (12 characters)"
    assert for_html("<" * 12, limit=1) == "&lt;... (12 characters)"


@given(HOSTILE)
@settings(deadline=None)
def test_a_name_that_an_error_quotes_hides_nothing(text: str) -> None:
    assert for_log(f"{text!r}").replace(r"#\#[", "##[") == f"{text!r}"


def test_errors_quote_names_as_people_write_them() -> None:
    rooms = Path(ztpurge.__file__).parent.rglob("*.py")
    assert [room.name for room in rooms if "!a}" in room.read_text()] == []


@given(HOSTILE)
@settings(deadline=None)
def test_no_text_is_a_command_or_a_second_line(text: str) -> None:
    line = for_log(text)
    assert "##[" not in line
    assert not line.lstrip().startswith("::")
    assert line.splitlines() == ([line] if line else [])
    assert for_log(line).replace("\\::", "::") == line.replace("\\::", "::")  # a second pass finds nothing to hide


@cases("text shown", {
    "markup": ("<b>&\"'", "&lt;b&gt;&amp;&quot;&#x27;"), "as in the log": ("a\n##[b]", r"a\n#\#[b]"),
})  # fmt: skip
def test_html_is_escaped(text: str, shown: str) -> None:
    assert for_html(text) == shown


@given(HOSTILE)
@settings(deadline=None)
def test_html_renders_as_the_log_line(text: str) -> None:
    shown = for_html(text)
    assert not re.search(r"""[<>"']""", shown)
    assert html.unescape(shown) == for_log(text)
