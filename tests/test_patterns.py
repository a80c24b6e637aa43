"""Patterns mean what they mean in a .gitignore; git itself is the judge."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ztpurge.errors import ZtpurgeError
from ztpurge.patterns import parse_patterns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    Ignored = Callable[[Iterable[str], Iterable[str]], set[str]]

TREE = (
    "a.html",
    "b.css",
    "a.html.map",
    "#a",
    "!a",
    "[a]",
    "with space.html",
    "caf\u00e9.html",
    "line\nbreak.html",
    "build",
    "build/a.html",
    "build/deep/b.css",
    "src/build/a.html",
    "src/app.js",
    "src/lib/app.js",
    "docs/a.html",
    "docs/api/index.html",
)
HTML = {path for path in TREE if path.endswith(".html")}


@pytest.fixture(scope="module")
def ignored(tmp_path_factory: pytest.TempPathFactory) -> Ignored:
    """Ask git which paths a .gitignore of the lines ignores."""
    folder: Path = tmp_path_factory.mktemp("repository")
    environ = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "init", "--quiet", folder], check=True, env=environ)

    def ask(lines: Iterable[str], paths: Iterable[str]) -> set[str]:
        (folder / ".git/info/exclude").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        answer = subprocess.run(
            ["git", "check-ignore", "--no-index", "--stdin", "-z"],
            input="".join(f"{path}\0" for path in paths).encode(),
            stdout=subprocess.PIPE,
            check=False,
            cwd=folder,
            env=environ,
        )
        assert answer.returncode in {0, 1}  # 1: none is ignored
        return {path for path in answer.stdout.decode().split("\0") if path}

    return ask


def matched(lines: Iterable[str], paths: Iterable[str]) -> set[str]:
    patterns = parse_patterns(tuple(lines))
    return {path for path in paths if patterns and patterns.match(path)}


@pytest.mark.parametrize(
    ("lines", "paths"),
    [
        pytest.param(("*.html",), HTML, id="ending"),
        pytest.param(("/*.html",), {path for path in HTML if "/" not in path}, id="top"),
        pytest.param(("build/",), {"build/a.html", "build/deep/b.css", "src/build/a.html"}, id="folder only"),
        pytest.param(("build",), {path for path in TREE if "build" in path.split("/")}, id="file or folder"),
        pytest.param(("/build",), {"build", "build/a.html", "build/deep/b.css"}, id="anchored by a slash in front"),
        pytest.param(("src/app.js",), {"src/app.js"}, id="anchored by a slash inside"),
        pytest.param(("src/**/app.js",), {"src/app.js", "src/lib/app.js"}, id="two asterisks"),
        pytest.param(("**/a.html",), {path for path in TREE if path.split("/")[-1] == "a.html"}, id="any depth"),
        pytest.param(("docs/**",), {"docs/a.html", "docs/api/index.html"}, id="all below"),
        pytest.param(("src/*",), {"src/build/a.html", "src/app.js", "src/lib/app.js"}, id="one asterisk, then below"),
        pytest.param(
            ("?.css", "[cd]ocs"), {"b.css", "build/deep/b.css", "docs/a.html", "docs/api/index.html"}, id="one"
        ),
        pytest.param(
            ("*.html", "!*a.html"), HTML - {path for path in HTML if path.endswith("a.html")}, id="taken back"
        ),
        pytest.param(("!a.html", "/a.html"), {"a.html"}, id="the last one decides"),
        pytest.param(("*", "!/*.css"), set(TREE) - {"b.css"}, id="all but"),
        pytest.param((r"\#a", r"\!a", r"\[a\]"), {"#a", "!a", "[a]"}, id="escaped"),
        pytest.param(("# b.css", "b.css"), {"b.css", "build/deep/b.css"}, id="comment"),
        pytest.param(("with space.html",), {"with space.html"}, id="blank inside"),
        pytest.param(("caf\u00e9.*",), {"caf\u00e9.html"}, id="not ASCII"),
        pytest.param(("line?break.html",), {"line\nbreak.html"}, id="newline in a name"),
        pytest.param(("*break*",), {"line\nbreak.html"}, id="newline before the end of a name"),
        pytest.param(("line",), set(), id="not up to a newline"),
        pytest.param(("break.html",), set(), id="not after a newline"),
        pytest.param(("nothing",), set(), id="nothing"),
    ],
)
def test_patterns_match_what_git_ignores(ignored: Ignored, lines: tuple[str, ...], paths: set[str]) -> None:
    assert matched(lines, TREE) == paths
    assert ignored(lines, TREE) == paths


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(("*", "!*.css"), id="all but an ending at any depth"),
        pytest.param(("build", "!build/a.html"), id="folder by its name"),
    ],
)
def test_unlike_git_a_pattern_takes_back_below_a_matched_folder_too(ignored: Ignored, lines: tuple[str, ...]) -> None:
    """What users mean: git could not look into a folder that it ignores; here nothing hides a file."""
    assert matched(lines, TREE) < ignored(lines, TREE)
    taken_back = lines[1].removeprefix("!")
    assert not matched(lines, TREE) & matched((taken_back,), TREE)


@pytest.mark.xfail(strict=True, reason="in pathspec [!x] matches a slash; in git it does not")
def test_a_negated_class_matches_no_slash(ignored: Ignored) -> None:
    assert ignored(["docs[!x]a.html"], TREE) == set()
    assert matched(["docs[!x]a.html"], TREE) == set()


@pytest.mark.xfail(strict=True, reason="pathspec takes it for `docs/**`; in git it matches folders alone")
def test_two_asterisks_and_a_slash_match_folders(ignored: Ignored) -> None:
    assert ignored(["docs/**/"], TREE) == {"docs/api/index.html"}
    assert matched(["docs/**/"], TREE) == {"docs/api/index.html"}


def test_a_class_by_name_is_refused() -> None:
    with pytest.raises(ZtpurgeError, match="class by name"):
        parse_patterns(("[[:alpha:]].css",))


WORD = st.lists(st.sampled_from(["a", "b", ".", "*", "?", "[ab]", r"\a"]), min_size=1, max_size=4).map(
    lambda pieces: re.sub(r"\*+", "*", "".join(pieces))
)
NAME = st.lists(st.sampled_from(["a", "b", ".a", "\nb", " a"]), min_size=1, max_size=3).map("".join)
PATHS = st.sets(st.lists(NAME, min_size=1, max_size=3).map("/".join), min_size=1, max_size=20)
PATTERN = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "/", "**/"]),
    st.lists(WORD | st.just("**"), min_size=1, max_size=3).map("/".join),
    st.sampled_from(["", "/", "/**"]),
).map(lambda pattern: re.sub(r"\*\*/$", "**", pattern))  # see above


@given(lines=st.lists(PATTERN, min_size=1, max_size=4), paths=PATHS)
@settings(deadline=None, max_examples=80)
def test_any_patterns_match_what_git_ignores(ignored: Ignored, lines: list[str], paths: set[str]) -> None:
    assert matched(lines, paths) == ignored(lines, paths)


@given(
    lines=st.lists(st.builds("{}{}".format, st.sampled_from(["", "!"]), WORD), min_size=1, max_size=6),
    paths=st.sets(NAME, min_size=1, max_size=20),
)
@settings(deadline=None, max_examples=80)
def test_any_patterns_take_back_what_git_does(ignored: Ignored, lines: list[str], paths: set[str]) -> None:
    assert matched(lines, paths) == ignored(lines, paths)


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        pytest.param(("*.html", "!"), "`!`", id="only an exclamation mark"),
        pytest.param(("[z-a].html",), "`[z-a].html`", id="range backwards"),
        pytest.param(("a", "b\\"), "`b\\`", id="backslash at the end"),
    ],
)
def test_what_is_no_pattern_is_refused_by_name(lines: tuple[str, ...], named: str) -> None:
    with pytest.raises(ZtpurgeError) as raised:
        parse_patterns(lines)
    assert str(raised.value) == f"{named} is not a pattern of .gitignore"


@pytest.mark.parametrize("lines", [(), ("# a",), ("# a", "#")], ids=["none", "comment", "comments"])
def test_no_patterns_are_none(lines: tuple[str, ...]) -> None:
    assert parse_patterns(lines) is None


def test_patterns_remember_their_lines() -> None:
    patterns = parse_patterns(("# a", "*.html"))
    assert patterns
    assert patterns.lines == ("# a", "*.html")


@pytest.mark.parametrize("line", ["[[a]x", "[+--b]", "[a&&b]", "[a||b]", "[a~~b]"])
def test_what_the_expressions_may_mean_one_day_is_no_warning(line: str) -> None:
    patterns = parse_patterns((line,))
    assert patterns
    assert patterns.lines == (line,)
