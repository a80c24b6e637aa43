"""A change is a file of the repository: what is none is refused by name."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ztpurge.changes.paths import Change, changes_of
from ztpurge.errors import ZtpurgeError


@pytest.mark.parametrize(
    ("paths", "tidy"),
    [
        pytest.param([], [], id="none"),
        pytest.param(["b", "a", "c/d"], ["b", "a", "c/d"], id="order kept"),
        pytest.param(["b", "a", "b", "./a"], ["b", "a"], id="each once"),
        pytest.param(["./a//b", "a/./c"], ["a/b", "a/c"], id="tidied"),
        pytest.param([" a", "a ", "-a"], [" a", "a ", "-a"], id="blanks and a dash"),
        pytest.param(["..a", "a..", "...", ".a"], ["..a", "a..", "...", ".a"], id="dots in names"),
        pytest.param(["a\nb", "caf\udce9", "\\"], ["a\nb", "caf\udce9", "\\"], id="any byte"),
        pytest.param(["A", "a"], ["A", "a"], id="case kept"),
    ],
)
def test_changes_are_tidy(paths: list[str], tidy: list[str]) -> None:
    assert changes_of(paths) == tuple(map(Change, tidy))


@pytest.mark.parametrize(
    ("path", "named"),
    [
        pytest.param("/etc/passwd", "/etc/passwd (absolute)", id="absolute"),
        pytest.param("../a", "../a (climbs with `..`)", id="climbs"),
        pytest.param("a/../b", "a/../b (climbs with `..`)", id="climbs inside"),
        pytest.param("a/..", "a/.. (climbs with `..`)", id="climbs at the end"),
        pytest.param("a/", "a/ (a folder, not a file)", id="folder"),
        pytest.param("a/.", "a/. (a folder, not a file)", id="folder by a dot"),
        pytest.param(".", ". (a folder, not a file)", id="top folder"),
        pytest.param("", " (a folder, not a file)", id="empty"),
        pytest.param("a\0b", r"a\x00b (holds a NUL)", id="NUL"),
        pytest.param("x" * 4097, f"{'x' * 200}... (4097 characters) (longer than 4096 bytes)", id="over-long"),
        pytest.param("\u4e2d" * 1366, "(longer than 4096 bytes)", id="over-long in bytes"),
        pytest.param("/##[error]\n", r"/#\#[error]\n (absolute)", id="hostile"),
    ],
)
def test_what_is_no_file_of_the_repository_is_refused_by_name(path: str, named: str) -> None:
    with pytest.raises(ZtpurgeError) as raised:
        changes_of(["good.html", path])
    assert named in raised.value.cause
    assert "good.html" not in raised.value.cause
    assert raised.value.remedy == "List paths as git does: relative to the repository's top folder"


def test_the_longest_path_is_taken() -> None:
    assert changes_of(["x" * 4096]) == (Change("x" * 4096),)


def test_length_counts_the_bytes_of_the_name() -> None:
    path = "/".join([b"\xd6\xd0".decode("utf-8", "surrogateescape") * 100] * 10)  # GBK: 10 folders of 200 bytes
    assert changes_of([path]) == (Change(path),)


@pytest.mark.parametrize(
    ("number", "ending"),
    [(1, "/0 (absolute)"), (10, "/9 (absolute)"), (11, "/9 (absolute) and 1 more"), (99, "/9 (absolute) and 89 more")],
)
def test_ten_refused_paths_are_named(number: int, ending: str) -> None:
    with pytest.raises(ZtpurgeError) as raised:
        changes_of(f"/{index}" for index in range(number))
    assert raised.value.cause.endswith(ending)
    assert raised.value.cause.count("(absolute)") == min(number, 10)


FOLDERS = st.lists(st.sampled_from(["a/", "./", "c\n//"]), max_size=4).map("".join)


@given(st.lists(st.builds("{}{}".format, FOLDERS, st.sampled_from(["a", ".b", "c\n"]))))
@settings(deadline=None)
def test_tidy_paths_stay_as_they_are(paths: list[str]) -> None:
    changes = changes_of(paths)
    assert changes_of(change.path for change in changes) == changes
    assert len(set(changes)) == len(changes)
    assert all({"", "."}.isdisjoint(change.path.split("/")) for change in changes)
