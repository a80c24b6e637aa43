"""Lists are read as git and JSON writers mean them; what may mean something else is refused."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ztpurge.changes.lists import FORMATS, parse_list
from ztpurge.changes.paths import Change
from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from pathlib import Path

ENVIRON = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
ODD_NAMES = (
    b"plain.html",
    b"with space.html",
    b" leading space",
    b"trailing space ",
    b"-dash",
    b"- a",
    b"#hash",
    b"[slug].html",
    b'"quoted".html',
    b'"',
    b"'",
    b"back\\slash",
    b"\\",
    b"\\n",
    b"new\nline",
    b"tab\t",
    b"carriage\r",
    b"\a\b\v\f\x1b\x7f",
    b"\x01\x02007",
    "\u00fcml\u00e4ut.html".encode(),
    "\u4e2d\u6587.html".encode(),
    "\U0001f600".encode(),
    b"latin1-\xfc.html",
    b"\xff\xfe",
    b"a,b.html c.html",
    b"100%.css",
    b"folder/[slug].html",
    b"f\xfclder/\t/x",
)


def git(folder: Path, *arguments: str, input_: bytes = b"") -> bytes:
    return subprocess.run(
        ["git", *arguments], input=input_, stdout=subprocess.PIPE, check=True, cwd=folder, env=ENVIRON
    ).stdout


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    git(folder, "init", "--quiet")
    return folder


def paths(data: bytes, list_format: str = "auto") -> list[str]:
    return [change.path for change in parse_list(data, list_format)]


def test_names_come_back_from_git_as_they_are(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    for name in ODD_NAMES:
        file = tmp_path / os.fsdecode(name)
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_bytes(b"")
    git(tmp_path, "add", "--all")
    names = sorted(map(os.fsdecode, ODD_NAMES), key=os.fsencode)
    diff = ("diff", "--cached", "--name-only")
    for list_format in ("auto", "nul"):
        assert paths(git(tmp_path, *diff, "-z"), list_format) == names
    for quote_path in ("true", "false"):
        assert paths(git(tmp_path, "-c", f"core.quotePath={quote_path}", *diff), "lines") == names


PIECES = st.sampled_from([b'"', b"\\", b"\n", b"\t", b"\r", b" ", b"0", b"7", b"a", b"\xc3", b"\xa9"])
NAMES = st.one_of(st.binary(max_size=30), st.lists(PIECES).map(b"".join)).map(lambda name: re.sub(rb"[/\0]", b"", name))


@given(names=st.sets(NAMES, max_size=15), folder=st.sampled_from([b"", b"folder/"]))
@example(names=set(ODD_NAMES), folder=b"")
@settings(deadline=None, max_examples=30)
def test_any_names_come_back_from_git_as_they_are(repository: Path, names: set[bytes], folder: bytes) -> None:
    entries = [folder + name for name in names if name.strip(b" ") and name not in {b".", b".."}]
    entries = [entry for entry in entries if b".git" not in entry.lower() and not entry.startswith(b"\xef\xbb\xbf")]
    (repository / ".git/index").unlink(missing_ok=True)
    index = b"".join(b"100644 %040x\t%s\0" % (1, entry) for entry in entries)
    git(repository, "-c", "core.protectNTFS=false", "update-index", "-z", "--index-info", input_=index)
    expected = [os.fsdecode(entry) for entry in sorted(entries)]
    listed = ("ls-files", "--cached")
    assert paths(git(repository, *listed, "-z"), "nul") == expected
    assert paths(git(repository, "-c", "core.quotePath=true", *listed), "lines") == expected
    assert paths(git(repository, "-c", "core.quotePath=false", *listed), "lines") == expected


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1)


@given(
    names=st.lists(TEXTS.filter(lambda name: name not in {".", ".."}), min_size=1, unique=True), ascii_=st.booleans()
)
@settings(deadline=None)
def test_any_names_come_back_from_json(names: list[str], ascii_: bool) -> None:
    names = [name for name in names if not name.startswith('"')]  # git's quoting inside JSON: see below
    data = json.dumps(names, ensure_ascii=ascii_).encode()
    assert paths(data, "json") == names
    assert paths(data) == names


@pytest.mark.parametrize("list_format", FORMATS)
@given(data=st.data())
@settings(deadline=None)
def test_any_bytes_are_a_list_or_refused(list_format: str, data: st.DataObject) -> None:
    pieces = st.sampled_from(
        [b"[", b"]", b'"', b"\\", b"\n", b"\r\n", b"\0", b"- ", b",", b" ", b"a.html", b"\\303", b"/"]
    )
    raw = data.draw(st.binary() | st.lists(pieces | st.binary(max_size=3)).map(b"".join))
    try:
        changes = parse_list(raw, list_format)
    except ZtpurgeError as error:
        assert str(error)  # noqa: PT017 - either end is fine, but this one says why
    else:
        assert all(change.path and not change.path.startswith("/") for change in changes)


@pytest.mark.parametrize(
    ("data", "names"),
    [
        pytest.param(b"", [], id="nothing"),
        pytest.param(b"\n \n\t\n", [], id="blank lines"),
        pytest.param(b"a.html", ["a.html"], id="one line"),
        pytest.param(b"b.html\n\na.html\n", ["b.html", "a.html"], id="lines, in their order"),
        pytest.param(b"a.html\r\nb.html\r\n", ["a.html", "b.html"], id="CRLF"),
        pytest.param(b'"caf\\303\\251.html"\r\n"\\t"\r\n', ["caf\u00e9.html", "\t"], id="quoted names and CRLF"),
        pytest.param(b"a.html\nb.html\na.html\n./b.html\n", ["a.html", "b.html"], id="each once"),
        pytest.param(b"M\ta.html\nR100\tb c.html\td.html\n", ["a.html", "b c.html", "d.html"], id="name-status"),
        pytest.param(b"a b.html\nc d.html\n", ["a b.html", "c d.html"], id="lines with a blank each"),
        pytest.param(b"[slug].html\n[id].html\n", ["[slug].html", "[id].html"], id="brackets"),
        pytest.param(b"[slug]\n", ["[slug]"], id="a name in brackets"),
        pytest.param(b"- a\n-b\n", ["- a", "-b"], id="dashes in names"),
        pytest.param(b'["b.html", "a.html"]\n', ["b.html", "a.html"], id="JSON"),
        pytest.param(b'\n[\n  "a.html",\n  "b c.html"\n]\n', ["a.html", "b c.html"], id="JSON over lines"),
        pytest.param(b"[]", [], id="empty JSON"),
        pytest.param(b"[ \n]", [], id="empty JSON over lines"),
        pytest.param(b'["\\ud83d\\ude00", "\\u00e9"]', ["\U0001f600", "\u00e9"], id="JSON escapes"),
        pytest.param(b"a.html\0b\nc.html\0", ["a.html", "b\nc.html"], id="NUL-terminated"),
        pytest.param(b"a.html\0b.html", ["a.html", "b.html"], id="NUL-separated"),
        pytest.param(b'"a"\0[b]\0- c\0', ['"a"', "[b]", "- c"], id="nothing is quoted before a NUL"),
        pytest.param(b"caf\xe9.html\n", ["caf\udce9.html"], id="Latin-1"),
    ],
)
def test_the_format_is_found(data: bytes, names: list[str]) -> None:
    assert paths(data) == names


@pytest.mark.parametrize(
    ("list_format", "data", "names"),
    [
        pytest.param("lines", b"a.html b.html\n", ["a.html b.html"], id="lines with a blank"),
        pytest.param("lines", b"a.html,b.html\n", ["a.html,b.html"], id="lines with a comma"),
        pytest.param("lines", b"- a.html\n- b.html\n", ["- a.html", "- b.html"], id="lines with dashes"),
        pytest.param("lines", b'["a.html"]\n', ['["a.html"]'], id="lines with brackets"),
        *(
            pytest.param("lines", f"{name}\nb.html\n".encode(), [name, "b.html"], id=f"lines with {name}")
            for name in ("a*.html", "a;b", "a|b", "a,", "?? a", "M  a", "R  a -> b", " M a")
        ),
        pytest.param("json", b'["a*.css", "a;b", "?? c"]', ["a*.css", "a;b", "?? c"], id="JSON with odd names"),
        pytest.param("nul", b"a*.css\0M  b\0", ["a*.css", "M  b"], id="NULs with odd names"),
        pytest.param("name-status", b"M\ta*.css\n", ["a*.css"], id="name-status with a star"),
        pytest.param("tj", rb"a\*.css b.css", ["a*.css", "b.css"], id="tj with a star"),
        pytest.param("json", b"[]", [], id="empty JSON"),
        pytest.param("json", b' ["a.html"] ', ["a.html"], id="JSON"),
        pytest.param("nul", b"a.html\n", ["a.html\n"], id="one name without a NUL"),
        pytest.param("nul", b"\0\0", [], id="only NULs"),
    ],
)
def test_a_format_that_is_named_is_kept_to(list_format: str, data: bytes, names: list[str]) -> None:
    assert paths(data, list_format) == names


@pytest.mark.parametrize(
    ("list_format", "data", "cause", "remedy"),
    [
        pytest.param("auto", b"a.html b.html", "'a.html b.html' may be one name or several", "lines", id="blanks"),
        pytest.param("auto", b"a.html,b.html\n", "'a.html,b.html' may be one name or", "one path a line", id="commas"),
        pytest.param("auto", b"a.html, b.html", "'a.html, b.html' may be one name or", "one path a line", id="both"),
        pytest.param("auto", b"- a.html\n- b.html\n", "looks like a YAML list", "without dashes", id="YAML"),
        pytest.param("auto", b"- a.html\n\n- b.html\n", "looks like a YAML list", "lines", id="YAML with blank lines"),
        pytest.param("auto", rb"[\"a.html\",\"b.html\"]", "cannot be read", "escape_json: false", id="tj's default"),
        pytest.param("auto", rb'["a\:b.html"]', "cannot be read", "safe_output: false", id="tj's safe output"),
        pytest.param("auto", b'["a.html", "b.html",]', "cannot be read", "array of strings", id="trailing comma"),
        pytest.param("auto", b'["a.html", 1]', "not an array of strings", "", id="a number inside"),
        pytest.param("auto", b'[["a.html"], ["b.html"]]', "not an array of strings", "", id="arrays inside"),
        pytest.param("auto", b'[{"filename": "a.html"}]', "not an array of strings", "", id="objects inside"),
        pytest.param("auto", b'["a\xe9"]', "cannot be read", "array of strings", id="JSON that is not UTF-8"),
        pytest.param("auto", rb'["\ud800"]', r"the name '\ud800' is not text", "NUL-separated", id="lone surrogate"),
        pytest.param("auto", b'["\xed\xa0\x80"]', r"the name '\ud800' is not", "NUL-separated", id="encoded surrogate"),
        pytest.param("auto", b'["a\\u0000b"]', r"a\x00b (holds a NUL)", "as git does", id="NUL in JSON"),
        pytest.param("auto", b'["/a", "b"]', "/a (absolute)", "as git does", id="no path of a file"),
        pytest.param("auto", b"[" * 50_000 + b'"' + b"]" * 50_000, "cannot be read", "array", id="deep JSON"),
        pytest.param("json", b"[" * 50_000, "cannot be read", "array of strings", id="deep JSON, open"),
        pytest.param("json", b"", "cannot be read", "array of strings", id="JSON of nothing"),
        pytest.param("json", b"a.html", "cannot be read", "array of strings", id="no JSON"),
        pytest.param("json", b'"a.html"', "not an array of strings", "", id="JSON string"),
        pytest.param("json", b'{"a.html": 1}', "not an array of strings", "", id="JSON object"),
        pytest.param("json", b"null", "not an array of strings", "", id="JSON null"),
        pytest.param(
            "json", b"[" + b"9" * 5000 + b"]", "cannot be read", "array of strings", id="JSON of a huge number"
        ),
        pytest.param("lines", b'a\n"b\n', "'\"b'", "JSON array, or NUL", id="open quote"),
        pytest.param("lines", b'"a"b\n', "'\"a\"b'", "JSON array, or NUL", id="closed too soon"),
        pytest.param("lines", b'"a\\x41"\n', "begins with a quote", "JSON array, or NUL", id="unknown escape"),
        pytest.param("lines", b'"a\\777"\n', "begins with a quote", "JSON array, or NUL", id="octal over a byte"),
        pytest.param("lines", b'"\\000"\n', r"\x00 (holds a NUL)", "as git does", id="quoted NUL"),
        pytest.param("lines", b'""\n', "(a folder, not a file)", "as git does", id="quoted nothing"),
        pytest.param("nul", b"a\0../b\0", "../b (climbs with `..`)", "as git does", id="climbs"),
    ],
)
def test_what_cannot_be_read_with_certainty_is_refused(list_format: str, data: bytes, cause: str, remedy: str) -> None:
    with pytest.raises(ZtpurgeError, match=re.escape(cause)) as raised:
        parse_list(data, list_format)
    assert remedy in raised.value.remedy


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"a.html b.html LICENSE", id="blanks, one name without an ending"),
        pytest.param(b".htaccess index.html", id="blanks, a hidden name"),
        pytest.param(b'a.html "caf\\303\\251.html"', id="blanks, a quoted name"),
        pytest.param(b"a.html b\\ c.html", id="blanks, an escaped name, as tj writes them"),
        pytest.param(b"a.html b.html\nc.html d.html", id="blanks on every line"),
        pytest.param(b"a.html\\\nb.html", id="tj's separator with safe output"),
        pytest.param(b"My document.pdf", id="one name with a blank, or two"),
        pytest.param(b" a.html\nb.html", id="blank in front"),
        pytest.param(b"a.html\nb.html ", id="blank at the end"),
        pytest.param(b"a.html|b.html", id="other separator"),
        pytest.param(b"'a.html' 'b c.html'", id="quoted as for a shell"),
        pytest.param(b"css\\a.css\ncss\\b.css", id="backslashes of Windows"),
        pytest.param(b"a;b\nc;d", id="semicolons on every line"),
        pytest.param(b"a.html\nb|c", id="a bar on one line"),
        pytest.param("a.html\n".encode("utf-16"), id="UTF-16"),
        pytest.param(b'{"files": ["a.html"]}', id="JSON object"),
        pytest.param(b'{\n  "files": "a.html"\n}', id="JSON object over lines"),
    ],
)
def test_other_lists_are_not_taken_for_names(data: bytes) -> None:
    with pytest.raises(ZtpurgeError):
        parse_list(data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(rb'["\"caf\\303\\251.html\""]', id="octal digits"),
        pytest.param(rb'["\"tab\\t.html\""]', id="TAB, as the form of tj that is recommended writes it"),
    ],
)
def test_a_name_that_git_quoted_is_not_taken_as_it_is_in_json(data: bytes) -> None:
    with pytest.raises(ZtpurgeError):
        parse_list(data)


@pytest.mark.parametrize(
    ("list_format", "data"),
    [
        *((name, b"https://a.example/a.css\nhttps://a.example/b.css\n") for name in ("auto", "lines", "space")),
        ("auto", b"a.css\nHTTP://a.example/b.css"),
        ("auto", b'["a.css", "https://a.example/b.css"]'),
        ("json", b'["https://a.example/b.css"]'),
        ("csv", b"a.css,https://a.example/b.css"),
        ("nul", b"a.css\0https://a.example/b.css\0"),
    ],
)
def test_a_url_is_no_path(list_format: str, data: bytes) -> None:
    with pytest.raises(ZtpurgeError, match=r"(?i)https?://a\.example/[ab]\.css \(a URL, which belongs in `urls`\)"):
        parse_list(data, list_format)


def test_a_colon_is_no_url() -> None:
    assert paths(b"a:b.css\nc:/d.css\n://x\n") == ["a:b.css", "c:/d.css", ":/x"]


@pytest.mark.parametrize("name", ["public/*.css", "**", "a*.css"])
def test_a_pattern_is_not_taken_for_a_name(name: str) -> None:
    for data in (name, f"{name}\nb.css"):
        with pytest.raises(ZtpurgeError, match=r"holds a `\*`") as raised:
            parse_list(data.encode())
        assert "files-format: lines" in raised.value.remedy


@pytest.mark.parametrize(
    "data",
    [
        b" M a.css\n?? b.css\nMM c.css\nR  d.css -> e.css\n",
        b"M a.css\n?? b.css\n",  # trimmed
        b"?? b.css",
        b"M  a.css\nA  b.css\n",
        b"?? a.css\r\n?? b.css\r\n",
        b'## main...origin/main\n M a.css\n?? "caf\\303\\251.css"\n',
        b"!! a.css\n D b.css\n",
        b"M       a.css\nR100    b.css\n",  # name-status whose tabs became blanks
    ],
)
def test_the_output_of_git_status_is_not_taken_for_names(data: bytes) -> None:
    with pytest.raises(ZtpurgeError, match="it looks like what `git status` prints") as raised:
        parse_list(data)
    assert "files-format: lines" in raised.value.remedy


def test_what_git_status_really_prints_is_refused(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    for name in ("a.css", "b c.css", "caf\u00e9.css"):
        (tmp_path / name).touch()
    for arguments in (("--short",), ("--porcelain", "--branch"), ("--porcelain",)):
        with pytest.raises(ZtpurgeError, match="it looks like what `git status` prints"):
            parse_list(git(tmp_path, "status", *arguments))


def test_names_that_begin_like_a_status_are_names_among_others() -> None:
    assert paths(b"M 1.css\nindex.html\nAD banner.png\n") == ["M 1.css", "index.html", "AD banner.png"]


@pytest.mark.parametrize("data", [b"a.css,\nb.css,\n", b"a.css,\nb.css", b"a,\r\nb,\r\n", b"a.css\nb;c\n", b"a|b\nc"])
def test_separators_at_the_ends_of_lines_and_within_are_not_taken_for_names(data: bytes) -> None:
    with pytest.raises(ZtpurgeError, match="may be one name or several") as raised:
        parse_list(data)
    assert "files-format: lines" in raised.value.remedy


def test_a_comma_within_a_line_of_several_may_be_part_of_a_name() -> None:
    assert paths(b"a,b.css\nc\n") == ["a,b.css", "c"]


def test_a_byte_order_mark_is_no_part_of_a_name() -> None:
    assert parse_list(b"\xef\xbb\xbfa.html\nb.html\n") == (Change("a.html"), Change("b.html"))


def test_before_a_nul_a_byte_order_mark_is_part_of_the_name() -> None:
    assert parse_list(b"\xef\xbb\xbfa.html\0", "nul") == (Change("\ufeffa.html"),)
