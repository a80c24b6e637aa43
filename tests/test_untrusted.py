"""Text from outside is shown as one line that neither the runner nor GitHub's renderer obeys."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ztpurge
from ztpurge.untrusted import for_html, for_log

HOSTILE = st.lists(
    st.one_of(
        st.sampled_from(["##[", "#", "[", "::", ":", "\r", "\n", " ", "\u00a0", "\u3000", "www.", "&#", "@", "<", "|"]),
        st.text(st.characters(exclude_categories=()), max_size=8),
    ),
    max_size=12,
).map("".join)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("css/a b.css", "css/a b.css", id="plain"),
        pytest.param("", "", id="empty"),
        pytest.param("caf\u00e9/\u4e2d\u6587/\U0001f600", "caf\u00e9/\u4e2d\u6587/\U0001f600", id="letters and emoji"),
        pytest.param("a\nb", r"a\nb", id="LF"),
        pytest.param("a\rb", r"a\rb", id="CR"),
        pytest.param("a\tb", r"a\tb", id="tab"),
        pytest.param("a\0b", r"a\x00b", id="NUL"),
        pytest.param("\x1b[31m", r"\x1b[31m", id="escape sequence"),
        pytest.param("a\x7fb", r"a\x7fb", id="DEL"),
        pytest.param("a\x85b", r"a\x85b", id="NEL"),
        pytest.param("a\u202eb", r"a\u202eb", id="bidi override"),
        pytest.param("a\u200bb", r"a\u200bb", id="zero width"),
        pytest.param("a\u2028b", r"a\u2028b", id="line separator"),
        pytest.param("a\ue000b", r"a\ue000b", id="private use"),
        pytest.param("a\U000e0041b", r"a\U000e0041b", id="tag character"),
        pytest.param("a\udcffb", r"a\xffb", id="byte that is not UTF-8"),
        pytest.param("\udc80", r"\x80", id="first byte that is not ASCII"),
        pytest.param("a\ud800b", r"a\ud800b", id="lone surrogate"),
        pytest.param("x##[set-output name=req-ids]y", r"x#\#[set-output name=req-ids]y", id="old command anywhere"),
        pytest.param("###[error]", r"##\#[error]", id="old command after a hash"),
        pytest.param("##[a]##[b]", r"#\#[a]#\#[b]", id="two old commands"),
        pytest.param("## [a]", "## [a]", id="no command"),
        pytest.param("::error::x", r"\::error::x", id="command at the start"),
        pytest.param("  ::error::x", r"  \::error::x", id="command after blanks"),
        pytest.param("\u3000::error::x", "\u3000\\::error::x", id="command after a wide blank"),
        pytest.param("a::b", "a::b", id="colons inside"),
    ],
)
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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("<b>&\"'", "&lt;b&gt;&amp;&quot;&#x27;", id="markup"),
        pytest.param("a\n##[b]", r"a\n#\#[b]", id="as in the log"),
    ],
)
def test_html_is_escaped(text: str, shown: str) -> None:
    assert for_html(text) == shown


@given(HOSTILE)
@settings(deadline=None)
def test_html_renders_as_the_log_line(text: str) -> None:
    shown = for_html(text)
    assert not re.search(r"""[<>"']""", shown)
    assert html.unescape(shown) == for_log(text)
