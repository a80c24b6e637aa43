"""Lists are read as git, JSON writers and other actions mean them; what may mean something else is refused."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.standins.producers import dorny, tj
from tests.standins.repositories import Repository
from ztpurge.changes.lists import FORMATS, is_split_at_blanks, parse_list
from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from collections.abc import Callable

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


def paths(text: str | bytes, list_format: str = "auto") -> list[str]:
    data = text if isinstance(text, bytes) else os.fsencode(text)
    return [change.path for change in parse_list(data, list_format)]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository(tmp_path_factory.mktemp("repository"))


PIECES = st.sampled_from([b'"', b"\\", b"\n", b"\t", b"\r", b" ", b"0", b"7", b"a", b"\xc3", b"\xa9"])
BYTES = st.one_of(st.binary(max_size=30), st.lists(PIECES).map(b"".join)).map(lambda name: re.sub(rb"[/\0]", b"", name))


@given(names=st.sets(BYTES, max_size=15), folder=st.sampled_from([b"", b"folder/"]))
@example(names=set(ODD_NAMES), folder=b"")
@settings(max_examples=30)
def test_any_names_come_back_from_git_as_they_are(empty: Repository, names: set[bytes], folder: bytes) -> None:
    entries = [folder + name for name in names if name.strip(b" ") and name not in {b".", b".."}]
    entries = [entry for entry in entries if b".git" not in entry.lower() and not entry.startswith(b"\xef\xbb\xbf")]
    (empty.folder / ".git/index").unlink(missing_ok=True)
    index = b"".join(b"100644 %040x\t%s\0" % (1, entry) for entry in entries)
    empty.git("-c", "core.protectNTFS=false", "update-index", "-z", "--index-info", data=index)
    expected = [os.fsdecode(entry) for entry in sorted(entries)]
    assert paths(empty.git("ls-files", "--cached", "-z"), "nul") == expected
    for quote_path in ("true", "false"):
        assert paths(empty.git("-c", f"core.quotePath={quote_path}", "ls-files", "--cached"), "lines") == expected


def test_git_s_own_lists(repository: Repository) -> None:
    base = repository.commit({"old é": "x" * 200, "edited\t1": "1", "gone": "1"})
    head = repository.commit({"old é": None, 'new "2"': "x" * 200, "edited\t1": "2", "gone": None, "made\n": "1"})
    changed = {"old é", 'new "2"', "edited\t1", "gone", "made\n"}
    assert set(paths(repository.git("diff", "--name-status", "--find-renames", base, head))) == changed
    for options in ((), ("-z",)):
        for renames in ("--find-renames", "--no-renames"):
            status = repository.git("diff", "--name-status", renames, *options, base, head)
            assert set(paths(status, "name-status")) == changed
        names = repository.git("diff", "--name-only", "--no-renames", *options, base, head)
        assert set(paths(names)) == changed
    repository.write({"a.css": "1", "b c.css": "1", "caf\u00e9.css": "1"})
    for arguments in (("--short",), ("--porcelain", "--branch"), ("--porcelain",)):
        with pytest.raises(ZtpurgeError, match="it looks like what `git status` prints"):
            paths(repository.git("status", *arguments))


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1)


@given(
    names=st.lists(TEXTS.filter(lambda name: name not in {".", ".."}), min_size=1, unique=True), ascii_=st.booleans()
)
def test_any_names_come_back_from_json(names: list[str], ascii_: bool) -> None:
    names = [name for name in names if not name.startswith('"')]  # git's quoting inside JSON: see below
    data = json.dumps(names, ensure_ascii=ascii_).encode()
    assert paths(data, "json") == paths(data) == names


NAME = st.text(st.sampled_from('ab .:*?<>|;`$()&!"\\\t\né[]{},#%~^-'), min_size=1, max_size=8).filter(
    lambda name: name.strip() == name and name not in {".", ".."}
)


def written(form: str, *, escape: bool, safe: bool) -> tuple[str, str, Callable[[list[str]], str]]:
    """Return the characters that a form cannot hold, its format, and what writes it."""
    forms: dict[str, tuple[str, str, Callable[[list[str]], str]]] = {
        "tj as JSON": ("", "tj", lambda names: tj(names, as_json=True, escape_json=escape, safe=safe)),
        "tj by lines": (",|;:#\t", "tj", lambda names: tj(names, separator="\n", safe=safe)),
        "tj": (",|;:#\t ", "tj", lambda names: tj(names, safe=safe)),
        "dorny as CSV": ("", "csv", lambda names: dorny(names, "csv")),
        "dorny or jitterbit as JSON": ("", "json", lambda names: dorny(names, "json")),
    }
    return forms[form]


@pytest.mark.parametrize("form", ["tj as JSON", "tj by lines", "tj", "dorny as CSV", "dorny or jitterbit as JSON"])
@given(names=st.lists(NAME, min_size=2, max_size=5, unique=True), escape=st.booleans(), safe=st.booleans())
@example(["café.html", "a\\:b", 'x"y', "[z]", "tab\there", "x y.html", "a(1).html", "$x.html"], True, True)
def test_any_names_come_back_from_other_actions(form: str, names: list[str], escape: bool, safe: bool) -> None:
    lacking, list_format, write = written(form, escape=escape, safe=safe)
    names = [name for name in names if not set(lacking) & set(name) and name != "[]"]
    if len(names) > 1:  # one name alone has no separator that tells the form
        assert paths(write(names), list_format) == names


def test_tj_in_the_form_to_recommend_needs_no_format() -> None:
    names = ["a b.html", "café.html", "css/a(1).css"]
    text = json.dumps(names, ensure_ascii=False)  # quotepath: false, escape_json: false, safe_output: false
    assert paths(text, "auto") == names == paths(text, "tj")


@pytest.mark.parametrize("separator", [",", "|", ";", ":", ":::", "#"])
def test_tj_with_a_separator_that_may_be_part_of_a_name(separator: str) -> None:
    for safe in (True, False):
        with pytest.raises(ZtpurgeError, match="may be one name or several") as caught:
            paths(tj(["a.html", "b.html"], separator=separator, safe=safe), "tj")
        assert "separator" in caught.value.remedy


@pytest.mark.parametrize("list_format", FORMATS)
@given(data=st.data())
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
    ("list_format", "data", "names"),
    [
        pytest.param("auto", b"", [], id="nothing"),
        pytest.param("auto", b"\n \n\t\n", [], id="blank lines"),
        pytest.param("auto", b"a.html", ["a.html"], id="one line"),
        pytest.param("auto", b"b.html\n\na.html\n", ["b.html", "a.html"], id="lines, in their order"),
        pytest.param("auto", b"a.html\r\nb.html\r\n", ["a.html", "b.html"], id="CRLF"),
        pytest.param(
            "auto", b'"caf\\303\\251.html"\r\n"\\t"\r\n', ["caf\u00e9.html", "\t"], id="quoted names and CRLF"
        ),
        pytest.param("auto", b"a.html\nb.html\na.html\n./b.html\n", ["a.html", "b.html"], id="each once"),
        pytest.param(
            "auto", b"M\ta.html\nR100\tb c.html\td.html\n", ["a.html", "b c.html", "d.html"], id="name-status"
        ),
        pytest.param("auto", b"a b.html\nc d.html\n", ["a b.html", "c d.html"], id="lines with a blank each"),
        pytest.param("auto", b"[slug].html\n[id].html\n", ["[slug].html", "[id].html"], id="brackets"),
        pytest.param("auto", b"[slug]\n", ["[slug]"], id="a name in brackets"),
        pytest.param("auto", b"- a\n-b\n", ["- a", "-b"], id="dashes in names"),
        pytest.param("auto", b'["b.html", "a.html"]\n', ["b.html", "a.html"], id="JSON"),
        pytest.param("auto", b'\n[\n  "a.html",\n  "b c.html"\n]\n', ["a.html", "b c.html"], id="JSON over lines"),
        pytest.param("auto", b"[]", [], id="empty JSON"),
        pytest.param("auto", b"[ \n]", [], id="empty JSON over lines"),
        pytest.param("auto", b'["\\ud83d\\ude00", "\\u00e9"]', ["\U0001f600", "\u00e9"], id="JSON escapes"),
        pytest.param("auto", b"a.html\0b\nc.html\0", ["a.html", "b\nc.html"], id="NUL-terminated"),
        pytest.param("auto", b"a.html\0b.html", ["a.html", "b.html"], id="NUL-separated"),
        pytest.param("auto", b'"a"\0[b]\0- c\0', ['"a"', "[b]", "- c"], id="nothing is quoted before a NUL"),
        pytest.param("auto", b"caf\xe9.html\n", ["caf\udce9.html"], id="Latin-1"),
        pytest.param("auto", b"a:b.css\nc:/d.css\n://x\n", ["a:b.css", "c:/d.css", ":/x"], id="a colon is no URL"),
        pytest.param("auto", b"M 1.css\nx.html\nAD b.png\n", ["M 1.css", "x.html", "AD b.png"], id="like a status"),
        pytest.param("auto", b"a,b.css\nc\n", ["a,b.css", "c"], id="a comma within one of several lines"),
        pytest.param("auto", b"\xef\xbb\xbfa.html\nb.html\n", ["a.html", "b.html"], id="a byte order mark"),
        pytest.param("nul", b"\xef\xbb\xbfa.html\0", ["\ufeffa.html"], id="before a NUL it is part of the name"),
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
        pytest.param("json", rb'["\"a\""]', ['"a"'], id="quotes that git need not have written"),
        pytest.param("json", b' ["a.html"] ', ["a.html"], id="JSON"),
        pytest.param("nul", b"a.html\n", ["a.html\n"], id="one name without a NUL"),
        pytest.param("nul", b"\0\0", [], id="only NULs"),
        pytest.param("csv", b"a.html,css/b c.css", ["a.html", "css/b c.css"], id="jitterbit, csv"),
        pytest.param("space", b"a.html b.html\n", ["a.html", "b.html"], id="jitterbit, space-delimited"),
        pytest.param("space", b"a.html\n  b.html", ["a.html", "b.html"], id="any white space"),
        pytest.param("space", "\u6d3b\u3000b c\u00a0d".encode(), ["\u6d3b\u3000b", "c\u00a0d"], id="other blanks"),
        *(pytest.param(name, b"", [], id=f"nothing as {name}") for name in ("space", "csv", "tj", "name-status")),
        pytest.param("name-status", b"C75\tfrom\tto\nR1\told\tnew\n", ["to", "old", "new"], id="copy, rename"),
        pytest.param("name-status", b"M\0a\0R100\0old\0new\0", ["a", "old", "new"], id="rename, -z"),
        pytest.param("name-status", b'A\t"caf\\303\\251"\r\n', ["caf\u00e9"], id="quoted, CRLF"),
    ],
)
def test_lists_are_read(list_format: str, data: bytes, names: list[str]) -> None:
    assert paths(data, list_format) == names


# names told apart by blanks and other separators, or one name that holds them
SEVERAL = (
    b"a.html b.html", b"a.html b.html LICENSE", b".htaccess index.html", b"a.html b.html\nc.html d.html",
    b"My document.pdf", b"a.html|b.html", b"a;b\nc;d", b"a.html\nb|c",
    b"a.css,\nb.css,\n", b"a.css,\nb.css", b"a,\r\nb,\r\n", b"a.css\nb;c\n", b"a|b\nc",
)  # fmt: skip
# quoted names, names as tj writes them, tj's separator with safe output, a shell's quoting, Windows
NOT_GIT_S = (
    b'a.html "caf\\303\\251.html"', b"a.html b\\ c.html", b"a.html\\\nb.html", b" a.html\nb.html", b"a.html\nb.html ",
    b"'a.html' 'b c.html'", b"css\\a.css\ncss\\b.css",
)  # fmt: skip
# whole, trimmed, with CRLF, with a branch, and name-status whose tabs became blanks
STATUSES = (
    b" M a.css\n?? b.css\nMM c.css\nR  d.css -> e.css\n", b"M a.css\n?? b.css\n", b"?? b.css",
    b"?? a.css\r\n?? b.css\r\n", b'## main...origin/main\n M a.css\n?? "caf\\303\\251.css"\n',
    b"!! a.css\n D b.css\n", b"M       a.css\nR100    b.css\n",
)  # fmt: skip


@pytest.mark.parametrize(
    ("list_format", "data", "cause", "remedy"),
    [
        pytest.param("auto", b"- a.html\n- b.html\n", "looks like a YAML list", "without dashes", id="YAML"),
        pytest.param("auto", b"- a.html\n\n- b.html\n", "looks like a YAML list", "lines", id="YAML with blank lines"),
        pytest.param("auto", rb"[\"a.html\",\"b.html\"]", "cannot be read", "escape_json: false", id="tj's default"),
        pytest.param("auto", rb'["a\:b.html"]', "cannot be read", "safe_output: false", id="tj's safe output"),
        pytest.param("auto", b'["a.html", "b.html",]', "cannot be read", "array of strings", id="trailing comma"),
        pytest.param("auto", b"[" * 50_000 + b'"' + b"]" * 50_000, "cannot be read", "array", id="deep JSON"),
        *(
            pytest.param("json", data, "cannot be read", "array of strings", id=f"no JSON {data[:5]!r}")
            for data in (b"[" * 50_000, b"", b"[" + b"9" * 5000 + b"]")
        ),
        *(
            pytest.param(name, data, "not an array of strings", "", id=f"{name}: other JSON {data!r}")
            for name, data in (
                *(("auto", data) for data in (b'["a.html", 1]', b'[{"filename": "a.html"}]', b'{"files": ["a.html"]}')),
                *(("auto", b'{\n  "files": "a.html"\n}'), ("json", b'"a.html"'), ("json", b'{"a.html": 1}')),
            )
        ),
        pytest.param("auto", rb'["\ud800"]', r"the name '\ud800' is not text", "NUL-separated", id="lone surrogate"),
        pytest.param("auto", b'["\xed\xa0\x80"]', r"the name '\ud800' is not", "NUL-separated", id="encoded surrogate"),
        *(
            pytest.param(name, data, cause, "as git does", id=f"no path {data!r}")
            for name, data, cause in (
                ("auto", b'["a\\u0000b"]', r"a\x00b (holds a NUL)"),
                ("auto", b'["/a", "b"]', "/a (absolute)"),
                ("lines", b'"\\000"\n', r"\x00 (holds a NUL)"),
                ("lines", b'""\n', "(a folder, not a file)"),
                ("nul", b"a\0../b\0", "../b (climbs with `..`)"),
            )
        ),
        *(
            pytest.param(
                "lines", data, f"the line {name!r} begins with a quote", "JSON array, or NUL", id=f"quotes {data!r}"
            )
            for data, name in (
                (b'a\n"b\n', '"b'),
                (b'"a"b\n', '"a"b'),
                (b'"a\\x41"', '"a\\x41"'),
                (b'"a\\777"', '"a\\777"'),
            )
        ),
        *(
            pytest.param("auto", data, "may be one name or several", "lines", id=f"several {data!r}")
            for data in SEVERAL
        ),
        *(
            pytest.param("auto", data, "is not as git writes a name", "`lines`", id=f"not git's {data!r}")
            for data in NOT_GIT_S
        ),
        pytest.param("auto", "a.html\n".encode("utf-16"), "UTF-16", "UTF-8", id="UTF-16"),
        *(
            pytest.param(
                "auto", data, "looks like what `git status` prints", "files-format: lines", id=f"status {data!r}"
            )
            for data in STATUSES
        ),
        *(
            pytest.param("auto", data, "holds a `*`", "files-format: lines", id=f"pattern {data!r}")
            for data in (b"public/*.css", b"**", b"a*.css\nb.css")
        ),
        *(
            pytest.param(
                name, data, "//a.example/b.css (a URL, which belongs in `urls`)", "", id=f"{name}: URL {data!r}"
            )
            for name, data in (
                *((name, b"a\nhttps://a.example/b.css\n") for name in ("auto", "lines", "space")),
                ("auto", b"a.css\nHTTP://a.example/b.css"),
                ("auto", b'["a.css", "https://a.example/b.css"]'),
                ("json", b'["https://a.example/b.css"]'),
                ("csv", b"a.css,https://a.example/b.css"),
                ("nul", b"a.css\0https://a.example/b.css\0"),
            )
        ),
        pytest.param("space", b"'a b.html' c.html", "holds a quote", "tj", id="shell quoting"),
        pytest.param("space", b"a\\ b.html", "holds a quote or a backslash", "tj", id="shell escapes"),
        pytest.param("csv", b"a.html, b.html", "begins or ends with white space", "", id="blanks beside commas"),
        pytest.param("csv", b'"a', "not CSV", "files-format", id="open quote in CSV"),
        pytest.param("name-status", b"a.html\nb.html", "should", "files-format", id="names without a status"),
        pytest.param("name-status", b"M\0", "has no path", "files-format", id="status without a path"),
        pytest.param("name-status", b"R100\told\n", "has no path", "files-format", id="rename without its new name"),
        pytest.param("tj", b'["a.html"', "cannot be read", "", id="JSON cut short"),
        pytest.param("tj", "a \\\ufffd.html".encode(), "could not spell", "safe_output", id="tj that lost a name"),
        pytest.param("auto", b"M\0a\0", "git's status", "files-format", id="name-status -z"),
        pytest.param("auto", b":100644 100644 1 2 M\0a\0", "git's status", "files-format", id="raw diff -z"),
        pytest.param("json", rb'["\"caf\\303\\251\""]', "quoted as git quotes", "tj", id="git's quoting in JSON"),
        pytest.param("auto", rb'["\"tab\\t.html\""]', "quoted as git quotes", "tj", id="TAB, quoted in JSON"),
    ],
)
def test_what_cannot_be_read_with_certainty_is_refused(list_format: str, data: bytes, cause: str, remedy: str) -> None:
    with pytest.raises(ZtpurgeError, match=re.escape(cause)) as raised:
        parse_list(data, list_format)
    assert remedy in raised.value.remedy


@pytest.mark.parametrize(
    ("text", "list_format", "split"),
    [
        ("a b", "space", True), ("a\n", "space", False), ("a b", "tj", True), ("a\nb", "tj", False),
        ('["a b"]', "tj", False), ("a b", "lines", False),
    ],
)  # fmt: skip
def test_lists_split_at_blanks_are_known(text: str, list_format: str, split: bool) -> None:
    assert is_split_at_blanks(text.encode(), list_format) == split
