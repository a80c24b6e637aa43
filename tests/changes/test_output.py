"""A build's output is every file that a server would hand out, each read once, whatever else lies in the folder."""

from __future__ import annotations

import functools
import hashlib
import os
import socket
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ztpurge.changes import output
from ztpurge.changes.contents import MOST_BYTES, Content
from ztpurge.changes.output import hash_files
from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGE = 300 * 1024
_opened: list[list[tuple[str, int]]] = []  # what is opened while somebody listens: path and thread


def hash_output(folder: Path, *, ignored: frozenset[Path] = frozenset()) -> dict[str, Content]:
    return output.hash_output(folder, workspace=folder.parent, ignored=ignored).files


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and _opened and isinstance(arguments[0], (str, bytes)):
        _opened[-1].append((os.fsdecode(arguments[0]), threading.get_ident()))


@functools.cache  # a hook stays for good, and no test needs two
def _listen() -> None:
    sys.addaudithook(_note)


@contextmanager
def noting_what_is_opened() -> Iterator[list[tuple[str, int]]]:
    _listen()
    _opened.append([])
    try:
        yield _opened[-1]
    finally:
        _opened.pop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "dist"
    made.mkdir()
    return made


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def content(data: bytes) -> Content:
    return Content(hashlib.sha256(data).hexdigest(), len(data))


def test_every_file_has_its_sha256_and_size(folder: Path) -> None:
    files = {"index.html": b"<p>", "a/b/c/d.css": b"", "a/b.js": b"\x00\xff" * 1000, "z": b"z", ".well-known/x": b"1"}
    write(folder, files)
    (folder / "empty/folder").mkdir(parents=True)
    assert hash_output(folder) == {name: content(data) for name, data in files.items()}


def test_an_empty_folder_has_no_files(folder: Path) -> None:
    assert hash_output(folder) == {}


def test_the_order_is_that_of_the_paths(folder: Path) -> None:
    write(folder, dict.fromkeys(("b", "a/z", "a.b", "a/b/c", "c"), b"x"))
    assert list(hash_output(folder)) == ["a.b", "a/b/c", "a/z", "b", "c"]


@pytest.mark.parametrize("make", [lambda _path: None, lambda path: path.write_text("x")], ids=["nothing", "a file"])
def test_a_folder_that_is_not_there_is_refused(tmp_path: Path, make: object) -> None:
    if callable(make):
        make(tmp_path / "dist")
    with pytest.raises(ZtpurgeError, match="there is no such folder") as caught:
        hash_output(tmp_path / "dist")
    assert "Build" in caught.value.remedy


@pytest.mark.parametrize(
    "name", [b"caf\xe9.html", b"\xff\xfe", "春".encode(), b"a\nb", b"tab\t", b"-rf", b"a\\b", b" "]
)
def test_any_name_comes_as_it_is(folder: Path, name: bytes) -> None:
    below = os.path.join(os.fsencode(folder), name)  # noqa: PTH118 - names are bytes
    os.mkdir(below)  # noqa: PTH102
    with open(os.path.join(below, name), "wb") as file:  # noqa: PTH118, PTH123
        file.write(b"data")
    path = os.fsdecode(name + b"/" + name)
    assert hash_output(folder) == {path: content(b"data")}
    assert hash_files(folder, [path]) == {path: content(b"data")}


def test_links_are_followed_as_a_server_does(folder: Path, tmp_path: Path) -> None:
    write(folder, {"a": b"A", "sub/b": b"B"})
    write(tmp_path, {"outside/c": b"C"})
    (folder / "link").symlink_to("a")
    (folder / "linked").symlink_to("sub")
    (folder / "abroad").symlink_to(tmp_path / "outside")
    (folder / "link-to-link").symlink_to("link")
    (folder / "dangling").symlink_to("nothing")
    assert hash_output(folder) == {
        "a": content(b"A"),
        "link": content(b"A"),
        "link-to-link": content(b"A"),
        "sub/b": content(b"B"),
        "linked/b": content(b"B"),
        "abroad/c": content(b"C"),
    }


@pytest.mark.parametrize("target", [".", "..", "../..", "../../../dist"], ids=["itself", "above", "root", "its name"])
def test_a_link_to_a_folder_above_itself_ends_there(folder: Path, target: str) -> None:
    write(folder, {"a": b"A", "sub/low/b": b"B"})
    (folder / "sub/low/up").symlink_to(target)
    assert hash_output(folder).keys() == {"a", "sub/low/b"}


def test_two_folders_that_link_to_each_other_end(folder: Path) -> None:
    write(folder, {"a/x": b"X", "b/y": b"Y"})
    (folder / "a/to-b").symlink_to("../b")
    (folder / "b/to-a").symlink_to("../a")
    assert hash_output(folder).keys() == {"a/x", "b/y", "a/to-b/y", "b/to-a/x"}


def test_links_that_lead_nowhere_are_no_files(folder: Path) -> None:
    write(folder, {"a": b"A"})
    (folder / "itself").symlink_to("itself")
    (folder / "one").symlink_to("other")
    (folder / "other").symlink_to("one")
    (folder / "through-a-file").symlink_to("a/b")
    assert hash_output(folder).keys() == {"a"}


def test_what_is_no_file_is_left_alone(folder: Path) -> None:
    write(folder, {"a": b"A"})
    os.mkfifo(folder / "pipe")
    (folder / "link-to-pipe").symlink_to("pipe")
    (folder / "device").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server:
        home = Path.cwd()
        os.chdir(folder)  # a socket's path is short
        try:
            server.bind("socket")
        finally:
            os.chdir(home)
        with noting_what_is_opened() as opened:
            assert hash_output(folder) == {"a": content(b"A")}
            assert hash_files(folder, ["a", "pipe", "device", "socket"]) == {"a": content(b"A")}
    assert {Path(path).name for path, _ in opened} == {"a"}


def test_what_git_keeps_is_left_out(folder: Path) -> None:
    write(folder, {".git/config": b"secret", "sub/.git/HEAD": b"x", ".gitignore": b"y", "x.git/a": b"z"})
    assert hash_output(folder).keys() == {".gitignore", "x.git/a"}


def test_what_a_work_tree_or_a_submodule_keeps_for_git_is_left_out(folder: Path) -> None:
    write(folder, {"module/.git": b"gitdir: ../../.git/modules/module\n", "module/a": b"A"})
    assert hash_output(folder).keys() == {"module/a"}


def test_each_file_is_read_once_whatever_its_names(folder: Path) -> None:
    write(folder, {"small": b"x", "large": bytes(LARGE), "sub/other": b"y"})
    for name in ("small", "large"):
        (folder / f"{name}-hard").hardlink_to(folder / name)
        (folder / f"{name}-link").symlink_to(name)
    (folder / "linked").symlink_to("sub")
    with noting_what_is_opened() as opened:
        found = hash_output(folder)
    assert len(found) == 8
    read = Counter(os.stat(path).st_ino for path, _ in opened if path.startswith(str(folder)))  # noqa: PTH116
    assert set(read.values()) == {1}
    assert len(read) == 3


@pytest.mark.parametrize("name", ["report.json", "sub/manifest.json"])
def test_files_that_are_no_part_of_the_output_are_ignored(folder: Path, name: str) -> None:
    write(folder, {name: b"{}", "a": b"A", "sub/report.json": b"a page"})
    with noting_what_is_opened() as opened:
        assert hash_output(folder, ignored=frozenset([folder / name])).keys() == {"a", "sub/report.json"}
    assert str(folder / name) not in dict(opened)
    assert hash_output(folder, ignored=frozenset([folder / "not-there"])).keys() == {name, "a", "sub/report.json"}


def test_files_to_ignore_are_known_by_another_path_too(folder: Path, tmp_path: Path) -> None:
    write(folder, {"manifest.json": b"{}", "a": b"A"})
    (tmp_path / "root").symlink_to("dist")
    # the workflow resolves the names of its own files, and `root` may be a link
    assert hash_output(tmp_path / "root", ignored=frozenset([folder / "manifest.json"])).keys() == {"a"}


@pytest.mark.skipif(not Path("/proc/sys/vm/compact_memory").exists(), reason="takes a file that nobody may read")
@pytest.mark.parametrize("beside", [b"", bytes(LARGE)], ids=["alone", "beside a large file"])
def test_a_file_that_cannot_be_read_is_named(folder: Path, beside: bytes) -> None:
    write(folder, {"other": beside})
    (folder / "line\nbreak").symlink_to("/proc/sys/vm/compact_memory")  # even root
    with pytest.raises(ZtpurgeError) as caught:
        output.hash_output(folder, workspace=Path("/"))
    assert "dist/line\\nbreak cannot be read (Permission denied)" in caught.value.cause


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads all folders")
def test_a_folder_that_cannot_be_read_is_named(folder: Path) -> None:
    write(folder, {"closed/a": b"A"})
    (folder / "closed").chmod(0)
    try:
        with pytest.raises(ZtpurgeError, match=r"dist/closed cannot be read \(Permission denied\)"):
            hash_output(folder)
    finally:
        (folder / "closed").chmod(0o755)


def test_large_files_are_hashed_beside_each_other_to_the_same_result(folder: Path) -> None:
    files = {f"{number:02}": os.urandom(LARGE + number) for number in range(12)}
    files |= {f"small/{number}": os.urandom(number) for number in range(50)}
    files["edge"], files["below"] = os.urandom(256 * 1024), os.urandom(256 * 1024 - 1)
    write(folder, files)
    before = threading.active_count()
    assert hash_output(folder) == {name: content(data) for name, data in files.items()}
    assert threading.active_count() == before


def test_small_files_take_no_thread(folder: Path) -> None:
    write(folder, {str(number): b"x" for number in range(20)})
    with noting_what_is_opened() as opened:
        hash_output(folder)
    assert {thread for path, thread in opened if path.startswith(str(folder))} == {threading.get_ident()}


def test_folders_may_be_nested(folder: Path) -> None:
    home = Path.cwd()
    os.chdir(folder)
    try:
        for _ in range(200):
            Path("d").mkdir()
            os.chdir("d")
        Path("f").write_bytes(b"deep")
    finally:
        os.chdir(home)
    assert hash_output(folder) == {f"{'d/' * 200}f": content(b"deep")}


NAMES = st.sampled_from(["a", "b", "c d", "\u00e9", "\udcff", "x.html"])


@given(files=st.dictionaries(st.lists(NAMES, min_size=1, max_size=3).map("/".join), st.binary(max_size=20), max_size=8))
@settings(max_examples=30)
def test_any_tree_of_files_is_told_as_it_is(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    folder = tmp_path_factory.mktemp("any")
    there: dict[str, Content] = {}
    for name, data in files.items():
        try:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        except (FileExistsError, IsADirectoryError, NotADirectoryError):
            continue
        there[name] = content(data)
    assert hash_output(folder) == there
    assert hash_files(folder, files) == there


def test_of_paths_only_those_with_a_file_are_hashed(folder: Path) -> None:
    write(folder, {"a": b"A", "sub/b": b"B"})
    (folder / "link").symlink_to("a")
    assert hash_files(folder, ["a", "sub", "sub/b", "link", "none", "a/x", "\0", "x" * 5000, ""]) == {
        "a": content(b"A"),
        "sub/b": content(b"B"),
        "link": content(b"A"),
    }


@pytest.mark.parametrize("path", ["../secret", "sub/../../secret", "{}/secret", "./../secret"])
def test_of_paths_outside_the_folder_none_is_read(folder: Path, tmp_path: Path, path: str) -> None:
    write(tmp_path, {"secret": b"S", "dist/sub/a": b"A"})
    with noting_what_is_opened() as opened:
        assert hash_files(folder, [path.format(tmp_path)]) == {}
    assert not [name for name, _ in opened if name.endswith("secret")]


def test_a_link_out_of_the_workspace_leads_nowhere(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    for folder in (workspace / "dist", workspace / "shared", tmp_path / "elsewhere"):
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(b"data")
    for name, target in {"in": "../shared", "out": "../../elsewhere", "etc": "/etc", "self": "/proc/self"}.items():
        (workspace / "dist" / name).symlink_to(target)
    (workspace / "dist/one").symlink_to("../../elsewhere/file")
    found = output.hash_output(workspace / "dist", workspace=workspace)
    assert found.files.keys() == {"file", "in/file"}
    assert found.unseen == dict.fromkeys(["etc", "one", "out", "self"], "a link out of the workspace")


def test_links_of_links_are_refused_before_they_are_endless(tmp_path: Path) -> None:
    for number in range(24):
        folder = tmp_path / "dist" / f"{number:02}"
        folder.mkdir(parents=True)
        (folder / "file").touch()
        for name in ("a", "b"):
            (folder / name).symlink_to(f"../{number + 1:02}")
    with pytest.raises(ZtpurgeError, match="more than 10,000 paths lead to the folder") as caught:
        hash_output(tmp_path / "dist")
    assert "`root`" in caught.value.remedy


@pytest.mark.parametrize("size", [0, 5 << 20])
def test_hashing_ends_when_the_time_is_over(tmp_path: Path, size: int) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/file").write_bytes(b"x" * size)
    looks = iter(["", "", "the run was cancelled"] if size else ["", "the run was cancelled"])
    with pytest.raises(ZtpurgeError, match="not all files were hashed: the run was cancelled"):
        output.hash_output(tmp_path / "dist", workspace=tmp_path, why_over=lambda: next(looks))


def test_hashing_of_single_files_ends_when_the_time_is_over(folder: Path) -> None:
    write(folder, {"file": b"x" * (5 << 20)})
    looks = iter(["", "the run was cancelled"])
    with pytest.raises(ZtpurgeError, match="not all files were hashed: the run was cancelled"):
        hash_files(folder, ["file"], why_over=lambda: next(looks))


def test_a_file_too_large_to_be_compared_is_not_read(folder: Path) -> None:
    for name, size in (("huge", MOST_BYTES + 1), ("small", 1)):
        with (folder / name).open("wb") as file:
            file.truncate(size)
    with noting_what_is_opened() as opened:
        assert hash_files(folder, ["huge", "small"]) == {"huge": Content("", MOST_BYTES + 1), "small": content(b"\0")}
    assert {Path(path).name for path, _ in opened} == {"small"}


def test_of_what_is_no_file_it_is_told_what_it_is(folder: Path) -> None:
    write(folder, {"a": b"A", "sub/b": b"B"})
    os.mkfifo(folder / "sub/pipe")
    for name, target in {"dangling": "none", "loop": "loop", "device": "/dev/zero", "ok": "a"}.items():
        (folder / name).symlink_to(target)
    (folder / "sub/again").symlink_to("../sub")
    found = output.hash_output(folder, workspace=Path("/"))
    assert found.unseen == {
        "dangling": "a link to nothing",
        "device": "a device",
        "loop": "a link to nothing",
        "sub/again": "a link to a folder above itself",
        "sub/pipe": "a named pipe",
    }
