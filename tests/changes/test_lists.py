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
from tests.tables import cases
from ztpurge.changes.lists import FORMATS, is_split_at_blanks, parse_list
from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from collections.abc import Callable

ODD_NAMES = (
    b"plain.html", b"with space.html", b" leading space", b"trailing space ", b"-dash", b"- a", b"#hash",
    b"[slug].html", b'"quoted".html', b'"', b"'", b"back\\slash", b"\\", b"\\n", b"new\nline", b"tab\t", b"carriage\r",
    b"\a\b\v\f\x1b\x7f", b"\x01\x02007", "\u00fcml\u00e4ut.html".encode(), "\u4e2d\u6587.html".encode(),
    "\U0001f600".encode(), b"latin1-\xfc.html", b"\xff\xfe", b"a,b.html c.html", b"100%.css", b"folder/[slug].html",
    b"f\xfclder/\t/x",
)  # fmt: skip


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


@given(st.lists(TEXTS.filter(lambda name: name not in {".", ".."}), min_size=1, unique=True), st.booleans())
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


@cases("list_format data names", {
    "nothing": ("auto", b"", []), "blank lines": ("auto", b"\n \n\t\n", []),
    "one line": ("auto", b"a.html", ["a.html"]),
    "lines, in their order": ("auto", b"b.html\n\na.html\n", ["b.html", "a.html"]),
    "CRLF": ("auto", b"a.html\r\nb.html\r\n", ["a.html", "b.html"]),
    "quoted names and CRLF": ("auto", b'"caf\\303\\251.html"\r\n"\\t"\r\n', ["caf\u00e9.html", "\t"]),
    "each once": ("auto", b"a.html\nb.html\na.html\n./b.html\n", ["a.html", "b.html"]),
    "name-status": ("auto", b"M\ta.html\nR100\tb c.html\td.html\n", ["a.html", "b c.html", "d.html"]),
    "lines with a blank each": ("auto", b"a b.html\nc d.html\n", ["a b.html", "c d.html"]),
    "brackets": ("auto", b"[slug].html\n[id].html\n", ["[slug].html", "[id].html"]),
    "a name in brackets": ("auto", b"[slug]\n", ["[slug]"]), "dashes in names": ("auto", b"- a\n-b\n", ["- a", "-b"]),
    "JSON": ("auto", b'["b.html", "a.html"]\n', ["b.html", "a.html"]),
    "JSON over lines": ("auto", b'\n[\n  "a.html",\n  "b c.html"\n]\n', ["a.html", "b c.html"]),
    "empty JSON": ("auto", b"[]", []), "empty JSON over lines": ("auto", b"[ \n]", []),
    "JSON escapes": ("auto", b'["\\ud83d\\ude00", "\\u00e9"]', ["\U0001f600", "\u00e9"]),
    "NUL-terminated": ("auto", b"a.html\0b\nc.html\0", ["a.html", "b\nc.html"]),
    "NUL-separated": ("auto", b"a.html\0b.html", ["a.html", "b.html"]),
    "nothing is quoted before a NUL": ("auto", b'"a"\0[b]\0- c\0', ['"a"', "[b]", "- c"]),
    "Latin-1": ("auto", b"caf\xe9.html\n", ["caf\udce9.html"]),
    "a colon is no URL": ("auto", b"a:b.css\nc:/d.css\n://x\n", ["a:b.css", "c:/d.css", ":/x"]),
    "like a status": ("auto", b"M 1.css\nx.html\nAD b.png\n", ["M 1.css", "x.html", "AD b.png"]),
    "a comma within one of several lines": ("auto", b"a,b.css\nc\n", ["a,b.css", "c"]),
    "a byte order mark": ("auto", b"\xef\xbb\xbfa.html\nb.html\n", ["a.html", "b.html"]),
    "before a NUL it is part of the name": ("nul", b"\xef\xbb\xbfa.html\0", ["\ufeffa.html"]),
    "lines with a blank": ("lines", b"a.html b.html\n", ["a.html b.html"]),
    "lines with a comma": ("lines", b"a.html,b.html\n", ["a.html,b.html"]),
    "lines with dashes": ("lines", b"- a.html\n- b.html\n", ["- a.html", "- b.html"]),
    "lines with brackets": ("lines", b'["a.html"]\n', ['["a.html"]']),
    **{f"lines with {name}": ("lines", f"{name}\nb.html\n".encode(), [name, "b.html"])
       for name in ("a*.html", "a;b", "a|b", "a,", "?? a", "M  a", "R  a -> b", " M a")},
    "JSON with odd names": ("json", b'["a*.css", "a;b", "?? c"]', ["a*.css", "a;b", "?? c"]),
    "NULs with odd names": ("nul", b"a*.css\0M  b\0", ["a*.css", "M  b"]),
    "name-status with a star": ("name-status", b"M\ta*.css\n", ["a*.css"]),
    "tj with a star": ("tj", rb"a\*.css b.css", ["a*.css", "b.css"]), "empty JSON, told": ("json", b"[]", []),
    "quotes that git need not have written": ("json", rb'["\"a\""]', ['"a"']),
    "JSON, told": ("json", b' ["a.html"] ', ["a.html"]), "one name without a NUL": ("nul", b"a.html\n", ["a.html\n"]),
    "only NULs": ("nul", b"\0\0", []), "jitterbit, csv": ("csv", b"a.html,css/b c.css", ["a.html", "css/b c.css"]),
    "jitterbit, space-delimited": ("space", b"a.html b.html\n", ["a.html", "b.html"]),
    "any white space": ("space", b"a.html\n  b.html", ["a.html", "b.html"]),
    "other blanks": ("space", "\u6d3b\u3000b c\u00a0d".encode(), ["\u6d3b\u3000b", "c\u00a0d"]),
    **{f"nothing as {name}": (name, b"", []) for name in ("space", "csv", "tj", "name-status")},
    "copy, rename": ("name-status", b"C75\tfrom\tto\nR1\told\tnew\n", ["to", "old", "new"]),
    "rename, -z": ("name-status", b"M\0a\0R100\0old\0new\0", ["a", "old", "new"]),
    "quoted, CRLF": ("name-status", b'A\t"caf\\303\\251"\r\n', ["caf\u00e9"]),
})  # fmt: skip
def test_lists_are_read(list_format: str, data: bytes, names: list[str]) -> None:
    assert paths(data, list_format) == names


@cases("list_format data deleted", {
    "name-status": ("auto", b"D\tgone\nM\tedited\nA\tnew\nT\tlink\n", ["gone"]),
    "the old name of a rename": ("name-status", b"R100\0old\0new\0D\0gone\0", ["old", "gone"]),
    "a copy": ("name-status", b"C75\tfrom\tto\n", []),
    "two names swapped": ("name-status", b"R090\ta\tb\nR090\tb\ta\n", []),
    "names alone": ("auto", b"gone\nD\n", []),
})  # fmt: skip
def test_a_list_that_has_the_status_tells_what_is_deleted(list_format: str, data: bytes, deleted: list[str]) -> None:
    assert [change.path for change in parse_list(data, list_format) if change.is_deleted] == deleted


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


@cases("list_format data cause remedy", {
    "YAML": ("auto", b"- a.html\n- b.html\n", "looks like a YAML list", "without dashes"),
    "YAML with blank lines": ("auto", b"- a.html\n\n- b.html\n", "looks like a YAML list", "lines"),
    "tj's default": ("auto", rb"[\"a.html\",\"b.html\"]", "cannot be read", "escape_json: false"),
    "tj's safe output": ("auto", rb'["a\:b.html"]', "cannot be read", "safe_output: false"),
    "trailing comma": ("auto", b'["a.html", "b.html",]', "cannot be read", "array of strings"),
    "deep JSON": ("auto", b"[" * 50_000 + b'"' + b"]" * 50_000, "cannot be read", "array"),
    **{f"no JSON {data[:5]!r}": ("json", data, "cannot be read", "array of strings")
       for data in (b"[" * 50_000, b"", b"[" + b"9" * 5000 + b"]")},
    **{f"{name}: other JSON {data!r}": (name, data, "not an array of strings", "") for name, data in (
        ("auto", b'["a.html", 1]'), ("auto", b'[{"filename": "a.html"}]'), ("auto", b'{"files": ["a.html"]}'),
        ("auto", b'{\n  "files": "a.html"\n}'), ("json", b'"a.html"'), ("json", b'{"a.html": 1}'))},
    "lone surrogate": ("auto", rb'["\ud800"]', r"the name '\ud800' is not text", "NUL-separated"),
    "encoded surrogate": ("auto", b'["\xed\xa0\x80"]', r"the name '\ud800' is not", "NUL-separated"),
    **{f"no path {data!r}": (name, data, cause, "as git does") for name, data, cause in (
        ("auto", b'["a\\u0000b"]', r"a\x00b (holds a NUL)"), ("auto", b'["/a", "b"]', "/a (absolute)"),
        ("lines", b'"\\000"\n', r"\x00 (holds a NUL)"), ("lines", b'""\n', "(a folder, not a file)"),
        ("nul", b"a\0../b\0", "../b (climbs with `..`)"))},
    **{f"quotes {data!r}": ("lines", data, f"the line {name!r} begins with a quote", "JSON array, or NUL")
       for data, name in ((b'a\n"b\n', '"b'), (b'"a"b\n', '"a"b'), (b'"a\\x41"', '"a\\x41"'),
                          (b'"a\\777"', '"a\\777"'))},
    **{f"several {data!r}": ("auto", data, "may be one name or several", "lines") for data in SEVERAL},
    **{f"not git's {data!r}": ("auto", data, "is not as git writes a name", "`lines`") for data in NOT_GIT_S},
    "UTF-16": ("auto", "a.html\n".encode("utf-16"), "UTF-16", "UTF-8"),
    **{f"status {data!r}": ("auto", data, "looks like what `git status` prints", "files-format: lines")
     for data in STATUSES},
    **{f"pattern {data!r}": ("auto", data, "holds a `*`", "files-format: lines")
       for data in (b"public/*.css", b"**", b"a*.css\nb.css")},
    **{f"{name}: URL {data!r}": (name, data, "//a.example/b.css (a URL, which belongs in `urls`)", "")
       for name, data in (
        *((name, b"a\nhttps://a.example/b.css\n") for name in ("auto", "lines", "space")),
        ("auto", b"a.css\nHTTP://a.example/b.css"), ("auto", b'["a.css", "https://a.example/b.css"]'),
        ("json", b'["https://a.example/b.css"]'), ("csv", b"a.css,https://a.example/b.css"),
        ("nul", b"a.css\0https://a.example/b.css\0"))},
    "shell quoting": ("space", b"'a b.html' c.html", "holds a quote", "tj"),
    "shell escapes": ("space", b"a\\ b.html", "holds a quote or a backslash", "tj"),
    "blanks beside commas": ("csv", b"a.html, b.html", "begins or ends with white space", ""),
    "open quote in CSV": ("csv", b'"a', "not CSV", "files-format"),
    "names without a status": ("name-status", b"a.html\nb.html", "should", "files-format"),
    "status without a path": ("name-status", b"M\0", "has no path", "files-format"),
    "rename without its new name": ("name-status", b"R100\told\n", "has no path", "files-format"),
    "JSON cut short": ("tj", b'["a.html"', "cannot be read", ""),
    "tj that lost a name": ("tj", "a \\\ufffd.html".encode(), "could not spell", "safe_output"),
    "name-status -z": ("auto", b"M\0a\0", "git's status", "files-format"),
    "raw diff -z": ("auto", b":100644 100644 1 2 M\0a\0", "git's status", "files-format"),
    "git's quoting in JSON": ("json", rb'["\"caf\\303\\251\""]', "quoted as git quotes", "tj"),
    "TAB, quoted in JSON": ("auto", rb'["\"tab\\t.html\""]', "quoted as git quotes", "tj"),
})  # fmt: skip
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
