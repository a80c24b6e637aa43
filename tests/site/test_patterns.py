"""Patterns mean what they mean in a .gitignore; git itself is the judge."""

from __future__ import annotations

import os
import random
import re
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ztpurge.errors import ZtpurgeError
from ztpurge.site.patterns import parse_patterns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    Ignored = Callable[[Iterable[str], Iterable[str]], set[str]]

# text of t3070-wildmatch.sh in git's sources, less those that no file can be called
TEXTS = r"""
foo foobar foo* f\oo ball ten ton a]b a-b aab ] foo/baz/bar foobazbar foo/b/a/z/bar foo/bar foo-bar XXX/foo bar/baz/foo
deep/foo/bar/baz deep/foo/bar foo/bar/baz/x deep/foo/bar/baz/x acrt a XXX/\ @foo [ab] ?a?b abc foo/bar/baz/to a1B A 1
5 f D g b y q [ - \] j ^ -b] \ G aaabbb aabcaa , 2 3 4 abcd/abcdefg/abcdefghijk/abcdefghijklmnop.txt foo/bba/arr z Z +
abcd/abcdefg/abcdefghijk/abcdefghijklmnop.txtz foo/bb/aa/rr abcXdefXghi ab/cXd/efXg/hi aaaaaaabababab -.]
-adobe-courier-bold-o-normal--12-120-75-75-m-70-iso8859-1 -adobe-courier-bold-o-normal--12-120-75-75-X-70-iso8859-1
"""
# its patterns, less those that are refused
WILDMATCH = r"""
foo bar ??? ?? * f* *f *foo* *ob*a*r* *ab foo\* foo\*bar f\\oo *[al]? [ten] **[!te] **[!ten] t[a-g]n t[!a-g]n t[^a-g]n
a[]]b a[]-]b a[]a-]b ] foo*bar foo**bar foo/**/bar foo/**/**/bar foo?bar foo[^a-z]bar f[^eiu][^eiu][^eiu][^eiu][^eiu]r
**/foo */foo **/bar/* */bar/** **/bar/*/* a[c-c]st a[c-c]rt [!]-] */\\ @foo \[ab] [[]ab] [[:]ab] [[:digit]ab] [\[:]ab]
\??\?b \a\b\c **/t[o] [[:alpha:]][[:digit:]][[:upper:]] [[:digit:][:upper:][:space:]] [[:xdigit:]] [a-c[:digit:]x-z]
[\\-^] [\-_] [\]] [-] [--A] [---] [------] [a-e-n] [!------] []-a] [!]-a] [a^bc] a-]b] [\\] [!\\] [A-\\] b*a *ba* [,]
[\\,] [,-.] [\1-\3] [[-\]] **/*a*b*g*n*t */*/* **/**/** *X*i */*X*/*/*i fo **/*X*/**/*i foo/* foo/** foo/*arr foo/*z
foo/**z *Xg*i [A-Z] [a-z] [[:upper:]] [[:lower:]] [B-Za] [B-a] [Z-y] -*-*-*-*-*-*-12-*-*-*-m-*-*-*
"""
CLASSES = "alnum alpha blank cntrl digit graph lower print punct space upper xdigit"
TREE = (
    *("a.html", "b.css", "a.html.map", "#a", "!a", "[a]", "with space.html", "line\nbreak.html", "build"),
    *("build/a.html", "build/deep/b.css", "src/build/a.html", "src/app.js", "src/lib/app.js", "docs/a.html", "docs/b"),
    *("a", "a ", "a  ", "a\\", "a\\ ", "a\t", "a b", "a b "),
    *("caf\u00e9.html", "\u00e9", "\u6625", "e\u0301", "\udce9t\udce9"),  # a name is bytes, and nothing is composed
)  # fmt: skip
LISTS = [
    *(("*.html",), ("/*.html",), ("build/",), ("build",), ("/build",), ("src/app.js",), ("src/**/app.js",)),
    *(("**/a.html",), ("docs/**",), ("src/*",), ("?.css", "[cd]ocs"), ("with space.html",), ("nothing",)),
    *(("*.html", "!*a.html"), ("!a.html", "/a.html"), ("*", "!/*.css"), ("# b.css", "b.css")),
    *((r"\#a", r"\!a", r"\[a\]"), ("line?break.html",), ("*break*",), ("line",), ("break.html",)),
    *(("a   ",), ("a\\ ",), ("a\\   ",), ("a\\\\ ",), ("a\t",), ("a b ",)),
    *(("?",), ("???",), ("\u6625",), ("caf\u00e9.*",), ("\udce9*",), ("*\u0301",)),
    *((f"/{pattern}",) for pattern in WILDMATCH.split()),  # with a slash in front: about whole paths, not names alone
    *((f"x[{sign}[:{name}:]]",) for name in CLASSES.split() for sign in ("", "!")),
    *(("x?",), ("x[!x]",)),
]  # fmt: skip


@pytest.fixture(scope="module")
def ignored(tmp_path_factory: pytest.TempPathFactory) -> Ignored:
    """Ask git which paths a .gitignore of the lines ignores."""
    folder: Path = tmp_path_factory.mktemp("repository")
    environ = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "init", "--quiet", folder], check=True, env=environ)

    def ask(lines: Iterable[str], paths: Iterable[str]) -> set[str]:
        (folder / ".git/info/exclude").write_bytes(b"".join(os.fsencode(line) + b"\n" for line in lines))
        answer = subprocess.run(
            ["git", "check-ignore", "--no-index", "--stdin", "-z"],
            input=b"".join(b"./%b\0" % os.fsencode(path) for path in paths),  # a colon in front would be magic
            stdout=subprocess.PIPE,
            check=False,
            cwd=folder,
            env=environ,
        )
        assert answer.returncode in {0, 1}  # 1: none is ignored
        return {os.fsdecode(path.removeprefix(b"./")) for path in answer.stdout.split(b"\0") if path}

    return ask


def matched(lines: Iterable[str], paths: Iterable[str]) -> set[str]:
    patterns = parse_patterns(tuple(lines))
    return {path for path in paths if patterns and patterns.match(path)}


@pytest.mark.parametrize("lines", LISTS, ids=ascii)
def test_patterns_match_what_git_ignores(ignored: Ignored, lines: tuple[str, ...]) -> None:
    paths = {*TREE, *TEXTS.split(), *(os.fsdecode(b"x%c" % byte) for byte in range(1, 256))}
    assert matched(lines, paths) == ignored(lines, paths)


@pytest.mark.parametrize("lines", [("*", "!*.css"), ("build", "!build/a.html")], ids=["at any depth", "in a folder"])
def test_unlike_git_a_pattern_takes_back_below_a_matched_folder_too(ignored: Ignored, lines: tuple[str, ...]) -> None:
    """What users mean: git could not look into a folder that it ignores; here nothing hides a file."""
    assert matched(lines, TREE) < ignored(lines, TREE)
    assert not matched(lines, TREE) & matched((lines[1].removeprefix("!"),), TREE)


PIECES = [
    *("a", "b", "-", "]", "^", "!", "1", ".", "\u00e9", "*", "**", "?", "/", "/", "**/", "/**", "/**/", "\\", "\\ "),
    *(" ", "[a-c]", "[!a]", "[^b-]", "[[:alpha:]]", "[a-c[:digit:]x-z]", "[\\]]", "[\\\\-^]", "[]-a]", "[--A]", "[:"),
    *(":]", "[a", "-b]"),
]  # fmt: skip
LETTERS = ["a", "b", "-", "]", "[", "^", "!", "\\", "1", " ", "\u00e9", ".x", ":", "*", "?", "B"]
# before 2.52, git takes `a**/b` for `a` and then `**/b`, against its own documentation
MISREAD = re.compile(r"/?[^*?\[\\]*[^*?\[\\/]\*\*")


@pytest.mark.parametrize("seed", range(300))
def test_any_pattern_matches_what_git_ignores_or_is_refused(ignored: Ignored, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    pattern = "".join(chance.choices(PIECES, k=chance.randint(1, 6)))
    if pattern.startswith("!") or MISREAD.match(pattern):
        pattern = "?" + pattern
    names = ["".join(chance.choices(LETTERS, k=chance.randint(1, 3))) for _ in range(130)]
    paths = {_like(pattern, chance) for _ in range(50)}
    paths |= {"/".join(chance.choices(names, k=chance.randint(1, 4))) for _ in range(50)}
    paths = {path for path in paths if not {"", ".", ".."} & set(path.split("/"))}
    try:
        found = matched([pattern], paths)
    except ZtpurgeError as error:
        if "backwards" in str(error) or "one byte" in str(error):
            return  # git takes a part of those, which nobody means
        found = set()
    assert found == ignored([pattern], paths)


def _like(pattern: str, chance: random.Random) -> str:
    """Return a path that a pattern may match, or nearly."""
    path = pattern.strip("/")
    for part, choices in (
        (r"\[[\^!]?\]?[^\]]*\]+", ["a", "b", "1", "-", "]", r"\\"]),
        (r"\*\*+/", ["", "a/", "b/a/"]),
        (r"/\*\*+", ["", "/a", "/b/a"]),
        (r"\*+", ["", "a", "b-", "/"]),
        (r"\?", ["1", "a", "/"]),
        (r"\\", [""]),
    ):
        path = re.sub(part, chance.choice(choices), path)
    path = chance.choice(["", "x/"]) + path.rstrip(" ") + chance.choice(["", "/y", "z"])
    return re.sub("//+", "/", path).strip("/")


PARTS = st.lists(st.sampled_from(["a", "b", ".", "*", "?", "[ab]", r"\a"]), min_size=1, max_size=4)
LINE = PARTS.map("".join).map(lambda line: re.sub(r"\*+", "*", line)).filter(lambda line: line not in {".", ".."})
NAME = st.lists(st.sampled_from(["a", "b", ".a", "\nb", " a"]), min_size=1, max_size=3).map("".join)


@given(lines=st.lists(LINE | LINE.map("!{}".format), min_size=1, max_size=6), names=st.sets(NAME, min_size=1))
@settings(max_examples=80)
def test_any_patterns_take_back_what_git_does(ignored: Ignored, lines: list[str], names: set[str]) -> None:
    assert matched(lines, names) == ignored(lines, names)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        pytest.param("*-*-*-*-*-*.js", "-" * 254, id="asterisks"),
        pytest.param("*a" * 1000 + "b", "a" * 4000, id="a thousand asterisks"),
        pytest.param("**/a/" * 500 + "b", "a/" * 2000 + "c", id="any folder, many times"),
        pytest.param("**/" * 3000 + "b", "a/" * 2000 + "c", id="nothing but any folder"),
        pytest.param("**/" + "*/" * 500 + "b", "a/" * 2000 + "c", id="any folder, then asterisks"),
        pytest.param("**/*a*a*a*a*b/**/*a*a*b", "aaaaaaaa/" * 450 + "x", id="both"),
        pytest.param("?" * 2000 + "*" + "?" * 2000 + "b", "a" * 4095, id="question marks"),
        pytest.param("*" + "[!b]" * 1000 + "b*" + "?" * 1000, "a" * 4095, id="brackets"),
    ],
)
def test_no_pattern_takes_long(pattern: str, path: str) -> None:
    """The longest path that Linux knows; each takes some milliseconds, and not for ever."""
    patterns = parse_patterns((pattern,))
    began = time.process_time()
    assert patterns
    assert not patterns.match(path)
    assert time.process_time() - began < 1


REFUSED = {
    "is empty": ["!", "/", "a//b", "//a"],
    "`.` or `..`": ["./a.css", "../a.css", r"a/\./b"],
    "ends in a backslash": ["b\\", "b\\/"],
    "never closed": ["a[", "a[]b", "[!", "[a-", "[\\]", "[a\\", "[[:alpha:]"],  # `]` in front is a member
    "no class `[:spaci:]`": ["[[:spaci:]]"],
    "no class `[::]`": ["[[::]ab]"],
    "`z-a` runs backwards": ["[z-a].html"],
    "stands for one byte": ["[\u00e9\u00e8].html", "[a-\u00e9].html"],
    "half a character": ["\ud800"],
}


@pytest.mark.parametrize(("why", "line"), [(why, line) for why, lines in REFUSED.items() for line in lines], ids=ascii)
def test_what_can_match_no_file_is_refused_by_name(why: str, line: str) -> None:
    with pytest.raises(ZtpurgeError, match=re.escape(why)) as raised:
        parse_patterns(("*.html", line))
    assert str(raised.value).startswith(f"`{line}` can match no file: ")


@pytest.mark.parametrize("lines", [(), ("# a",), ("# a", "#"), ("  ", "")], ids=str)
def test_no_patterns_are_none_and_others_remember_their_lines(lines: tuple[str, ...]) -> None:
    patterns = parse_patterns((*lines, "*.html"))
    assert patterns
    assert (parse_patterns(lines), patterns.lines) == (None, (*lines, "*.html"))
