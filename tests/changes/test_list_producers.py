"""Lists as git and other actions really write them come back as the names that were changed."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.standins.producers import dorny, tj
from tests.standins.repositories import Repository
from ztpurge.changes.lists import is_split_at_blanks, parse_list
from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from pathlib import Path


def paths(text: str | bytes, list_format: str) -> list[str]:
    data = text if isinstance(text, bytes) else os.fsencode(text)
    return [change.path for change in parse_list(data, list_format)]


NAME = st.text(st.sampled_from('ab .:*?<>|;`$()&!"\\\t\né[]{},#%~^-'), min_size=1, max_size=8).filter(
    lambda name: name.strip() == name and name not in {".", ".."}
)
NAMES = st.lists(NAME, min_size=1, max_size=5, unique=True)


@given(NAMES, st.booleans(), st.booleans())
@example(["café.html", "a\\:b", 'x"y', "[z]", "tab\there"], True, True)
def test_tj_as_json(names: list[str], escape_json: bool, safe: bool) -> None:
    assert paths(tj(names, as_json=True, escape_json=escape_json, safe=safe), "tj") == names


@given(
    st.lists(NAME.filter(lambda name: not set(",|;:#\t") & set(name)), min_size=2, max_size=5, unique=True),
    st.booleans(),
)
@example(["café.html", "a\\:b", "x y.html"], True)
def test_tj_one_name_a_line(names: list[str], safe: bool) -> None:
    assert paths(tj(names, separator="\n", safe=safe), "tj") == names


@given(
    st.lists(
        NAME.filter(lambda name: not set(",|;:#\t ") & set(name) and name != "[]"), min_size=1, max_size=5, unique=True
    ),
    st.booleans(),
)
@example(["café.html", "a(1).html", "$x.html"], True)
def test_tj_by_default(names: list[str], safe: bool) -> None:
    assert paths(tj(names, safe=safe), "tj") == names


@pytest.mark.parametrize("separator", [",", "|", ";", ":", ":::", "#"])
@pytest.mark.parametrize("safe", [True, False])
def test_tj_with_a_separator_that_may_be_part_of_a_name(separator: str, safe: bool) -> None:
    with pytest.raises(ZtpurgeError, match="may be one name or several") as caught:
        paths(tj(["a.html", "b.html"], separator=separator, safe=safe), "tj")
    assert "separator" in caught.value.remedy


def test_tj_that_lost_a_name_is_refused() -> None:
    with pytest.raises(ZtpurgeError, match="could not spell"):
        paths("a.html \\\ufffd\\\ufffd.html", "tj")


def test_tj_in_the_form_to_recommend_needs_no_format() -> None:
    names = ["a b.html", "café.html", "css/a(1).css"]
    text = json.dumps(names, ensure_ascii=False)  # quotepath: false, escape_json: false, safe_output: false
    assert paths(text, "auto") == names == paths(text, "tj")


@given(NAMES)
def test_dorny_as_csv(names: list[str]) -> None:
    assert paths(dorny(names, "csv"), "csv") == names


@given(NAMES)
def test_dorny_and_jitterbit_as_json(names: list[str]) -> None:
    assert paths(dorny(names, "json"), "json") == names


@pytest.mark.parametrize(
    ("text", "list_format", "names"),
    [
        pytest.param("a.html,css/b c.css", "csv", ["a.html", "css/b c.css"], id="jitterbit, csv"),
        pytest.param("a.html b.html\n", "space", ["a.html", "b.html"], id="jitterbit, space-delimited"),
        pytest.param("a.html\n  b.html", "space", ["a.html", "b.html"], id="any white space"),
        pytest.param(
            "\u6d3b\u3000\u9875.html b\u00a0c", "space", ["\u6d3b\u3000\u9875.html", "b\u00a0c"], id="other blanks"
        ),
        pytest.param("", "space", [], id="nothing"),
        pytest.param("", "csv", [], id="nothing as CSV"),
        pytest.param("", "tj", [], id="nothing of tj"),
        pytest.param("", "name-status", [], id="nothing of git"),
        pytest.param(
            "M\ta\nC75\tfrom\tto\nR100\told\tnew\n", "name-status", ["a", "to", "old", "new"], id="copy, rename"
        ),
        pytest.param("M\0a\0R100\0old\0new\0", "name-status", ["a", "old", "new"], id="rename, -z"),
        pytest.param('A\t"caf\\303\\251"\r\n', "name-status", ["café"], id="quoted, CRLF"),
    ],
)
def test_lists_of_other_producers(text: str, list_format: str, names: list[str]) -> None:
    assert paths(text, list_format) == names


@pytest.mark.parametrize(
    ("text", "list_format", "words"),
    [
        pytest.param("'a b.html' c.html", "space", "holds a quote", id="shell quoting"),
        pytest.param("a\\ b.html", "space", "holds a quote or a backslash", id="shell escapes"),
        pytest.param("a.html, b.html", "csv", "begins or ends with white space", id="blanks beside commas"),
        pytest.param('"a', "csv", "not CSV", id="open quote"),
        pytest.param("a.html\nb.html", "name-status", "should", id="names without a status"),
        pytest.param("M\0", "name-status", "has no path", id="status without a path"),
        pytest.param("R100\told\n", "name-status", "has no path", id="rename without its new name"),
        pytest.param('["a.html"', "tj", "cannot be read", id="JSON cut short"),
        pytest.param('{"a": "b"}', "auto", "not an array of strings", id="JSON object"),
        pytest.param("M\0a\0", "auto", "git's status", id="name-status -z"),
        pytest.param(":100644 100644 1 2 M\0a\0", "auto", "git's status", id="raw diff -z"),
        pytest.param('["\\"caf\\\\303\\\\251\\""]', "json", "quoted as git quotes", id="git's quoting in JSON"),
    ],
)
def test_what_cannot_be_read_with_certainty_is_refused(text: str, list_format: str, words: str) -> None:
    with pytest.raises(ZtpurgeError, match=words):
        paths(text, list_format)


@given(st.binary(max_size=60), st.sampled_from(["auto", "space", "csv", "name-status", "tj"]))
def test_any_bytes_are_a_list_or_refused(data: bytes, list_format: str) -> None:
    try:
        changes = parse_list(data, list_format)
    except ZtpurgeError:
        return
    assert all(change.path and not change.path.startswith("/") for change in changes)


@pytest.mark.parametrize(
    ("text", "list_format", "split"),
    [
        ("a b", "space", True),
        ("a\n", "space", False),
        ("a b", "tj", True),
        ("a\nb", "tj", False),
        ('["a b"]', "tj", False),
        ("a b", "lines", False),
    ],
)
def test_lists_split_at_blanks_are_known(text: str, list_format: str, split: bool) -> None:
    assert is_split_at_blanks(text.encode(), list_format) == split


@pytest.mark.parametrize("options", [(), ("-z",)])
@pytest.mark.parametrize("renames", ["--find-renames", "--no-renames"])
def test_git_s_own_lists(tmp_path: Path, options: tuple[str, ...], renames: str) -> None:
    repository = Repository(tmp_path / "repository")
    base = repository.commit({"old é": "x" * 200, "edited\t1": "1", "gone": "1"})
    head = repository.commit({"old é": None, 'new "2"': "x" * 200, "edited\t1": "2", "gone": None, "made\n": "1"})
    changed = {"old é", 'new "2"', "edited\t1", "gone", "made\n"}
    status = repository.git("diff", "--name-status", renames, *options, base, head)
    assert set(paths(status, "name-status")) == changed
    if not options:
        assert set(paths(status, "auto")) == changed
    names = repository.git("diff", "--name-only", "--no-renames", *options, base, head)
    assert set(paths(names, "auto")) == changed
