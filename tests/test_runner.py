"""What is said to the runner is escaped, written whole, and never fails the step."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.runner import read_outputs
from tests.standins.tables import cases
from ztpurge.errors import ZtpurgeError
from ztpurge.runner import Runner


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def runner(tmp_path: Path, out: io.StringIO) -> Runner:
    (tmp_path / "ws").mkdir()
    (tmp_path / "temp").mkdir()
    environ = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": str(tmp_path / "ws"),
        "RUNNER_TEMP": str(tmp_path / "temp"),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
    }
    return Runner(environ, out)


@cases("secret lines", {
    "one line": ("abc", ["::add-mask::abc"]), "trimmed as the token is": (" abc\n", ["::add-mask::abc"]),
    "line by line": ("a%b\nc", ["::add-mask::a%25b", "::add-mask::a%2525b", "::add-mask::c"]),
    "nothing to mask": ("\n", []),
    "not UTF-8, which is refused later": ("a\udcff", ["::add-mask::a\udcff", "::add-mask::a%25FF"]),
})  # fmt: skip
def test_secrets_are_masked(runner: Runner, out: io.StringIO, secret: str, lines: list[str]) -> None:
    runner.mask(secret)
    assert out.getvalue().splitlines() == lines


def test_a_secret_that_is_not_utf_8_is_masked(runner: Runner, out: io.StringIO) -> None:
    runner.mask("p\udce4ss")
    assert out.getvalue().splitlines() == ["::add-mask::p\udce4ss", "::add-mask::p%25E4ss"]


@pytest.mark.parametrize("environ", [{}, {"CI": "true"}, {"GITHUB_ACTIONS": ""}, {"GITHUB_ACTIONS": "false"}])
def test_where_nobody_swallows_a_mask_none_is_printed(environ: dict[str, str], out: io.StringIO) -> None:
    Runner(environ, out).mask("secret")
    assert out.getvalue() == ""


class BrokenLog(io.StringIO):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def write(self, _text: str) -> int:
        raise self.error


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(28, "No space left on device"), ValueError("closed")])
def test_a_log_that_nobody_takes_is_dropped(tmp_path: Path, error: Exception) -> None:
    runner = Runner({"GITHUB_OUTPUT": str(tmp_path / "output")}, BrokenLog(error))
    with runner.group("title"):
        runner.say("text")
    runner.annotate("error", "title", "text")
    runner.set_outputs({"a": "b"})
    assert read_outputs((tmp_path / "output").read_bytes()) == {"a": "b"}


def test_annotations_escape_title_and_message(runner: Runner, out: io.StringIO) -> None:
    runner.annotate("error", "a:b,c%", "100 %\r\n::x")
    assert out.getvalue() == "::error title=a%3Ab%2Cc%25::100 %25\\r\\n::x\n"


def test_a_group_is_closed_even_after_an_error(runner: Runner, out: io.StringIO) -> None:
    with pytest.raises(KeyError), runner.group("title"):
        raise KeyError
    assert out.getvalue() == "::group::title\n::endgroup::\n"


NAMES = st.from_regex(r"[a-z]+(-[a-z]+)*", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"))


@given(values=st.dictionaries(NAMES, TEXTS))
def test_outputs_survive_the_runner_s_grammar(tmp_path_factory: pytest.TempPathFactory, values: dict[str, str]) -> None:
    path = tmp_path_factory.getbasetemp() / "outputs"
    path.write_bytes(b"")
    Runner({"GITHUB_OUTPUT": str(path)}, io.StringIO()).set_outputs(values)
    assert read_outputs(path.read_bytes()) == values


def test_outputs_are_appended_to_what_is_there(runner: Runner, tmp_path: Path) -> None:
    (tmp_path / "output").write_text("before=1\n")
    runner.set_outputs({"after": "2"})
    assert read_outputs((tmp_path / "output").read_bytes()) == {"before": "1", "after": "2"}


@pytest.mark.parametrize("name", ["a=b", "a<<b", "a\nb"])
def test_an_output_name_that_would_misparse_is_a_bug(runner: Runner, name: str) -> None:
    with pytest.raises(ValueError, match="a"):
        runner.set_outputs({name: ""})


def test_list_files_may_lie_in_workspace_and_temporary_folder(runner: Runner, tmp_path: Path) -> None:
    (tmp_path / "ws/list").write_bytes(b"1")
    (tmp_path / "temp/list").write_bytes(b"2")
    assert runner.read_list("list") == b"1"
    assert runner.read_list(str(tmp_path / "temp/list")) == b"2"


@pytest.mark.parametrize("name", ["../other", "/etc/passwd", "link", "a\0b", "x" * 300, "a/" + "x" * 300, "a\udcffb"])
def test_list_files_elsewhere_are_refused(runner: Runner, tmp_path: Path, name: str) -> None:
    (tmp_path / "other").write_text("secret")
    (tmp_path / "ws/link").symlink_to(tmp_path / "other")
    with pytest.raises(ZtpurgeError, match=r"outside|not a path"):
        runner.read_list(name)


def test_a_list_that_cannot_be_read_is_refused(runner: Runner, tmp_path: Path) -> None:
    (tmp_path / "ws/folder").mkdir()
    with pytest.raises(ZtpurgeError, match="there is no file 'folder'"):
        runner.read_list("folder")
    with pytest.raises(ZtpurgeError, match=r"'x{200}'... .5000 characters. is not a path .File name too long"):
        runner.read_list("x" * 5000)


def test_a_file_is_written_whole_and_replaces_an_older_one(runner: Runner, tmp_path: Path) -> None:
    for text in ("older and longer", "newer"):
        runner.write_file("out/report.json", text)
    assert (tmp_path / "ws/out/report.json").read_text() == "newer"
    assert [path.name for path in (tmp_path / "ws/out").iterdir()] == ["report.json"]
    assert (tmp_path / "ws/out/report.json").stat().st_mode & 0o777 == 0o644


@cases("name words", {
    "outside": ("../report", "outside"), "the workspace": (".", "is a folder"),
    "below a file": ("file/report", "cannot be written"),
})  # fmt: skip
def test_a_file_that_cannot_be_written_is_refused(runner: Runner, tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "ws/file").touch()
    with pytest.raises(ZtpurgeError, match=words):
        runner.write_file(name, "text")


FORBIDDEN = [
    pytest.param("../report", "outside", id="outside"),
    pytest.param("/etc/report", "outside", id="absolute"),
    pytest.param("link", "outside", id="a link outside"),
    pytest.param("linked/report", "outside", id="below a link outside"),
    pytest.param("a/../../report", "outside", id="climbing"),
    pytest.param("", "is a folder", id="nothing"),
    pytest.param(".", "is a folder", id="the workspace"),
    pytest.param("folder", "is a folder", id="a folder"),
    pytest.param(".git/config", "is git's", id="git's"),
    pytest.param("sub/.git/hooks/pre-push", "is git's", id="git's further down"),
    pytest.param(".git", "is git's", id="git's own file"),
    pytest.param("to-git/config", "is git's", id="git's by a link"),
    pytest.param("a\0b", "not a path", id="a NUL"),
    pytest.param("loop/a", "not a path", id="a link to itself"),
    pytest.param("x" * 300, "not a path .File name too long", id="a name too long"),
    pytest.param("new/" + "x" * 300 + "/report", "not a path .File name too long", id="a new folder's name too long"),
    pytest.param("x/" * 3000, "not a path .File name too long", id="a path too long"),
    pytest.param("\u6625" * 100, "not a path .File name too long", id="a name too long in UTF-8"),
    pytest.param("a\udcffb", "not a path", id="not UTF-8"),
    pytest.param("a\ud800b", "not a path", id="a surrogate"),
]


def plant(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/secret").write_text("secret")
    (tmp_path / "ws/folder").mkdir()
    (tmp_path / "ws/link").symlink_to(tmp_path / "other/secret")
    (tmp_path / "ws/linked").symlink_to(tmp_path / "other")
    (tmp_path / "ws/.hidden").mkdir()
    (tmp_path / "ws/to-git").symlink_to(".git")
    (tmp_path / "ws/loop").symlink_to("loop")


@pytest.mark.parametrize(("name", "words"), FORBIDDEN)
def test_files_that_may_not_be_written_are_refused(runner: Runner, tmp_path: Path, name: str, words: str) -> None:
    plant(tmp_path)
    with pytest.raises(ZtpurgeError, match=words):
        runner.file_to_write(name)
    with pytest.raises(ZtpurgeError, match=words):
        runner.write_file(name, "text")
    with pytest.raises(ZtpurgeError, match=words):
        runner.read_manifest(name)
    assert (tmp_path / "other/secret").read_text() == "secret"
    assert not (tmp_path / "ws/.git").exists()


@pytest.mark.parametrize(
    "name", ["report", "new/folder/report", ".hidden/report", "a..b", ".gitignore", "x.git/report"]
)
def test_files_in_the_workspace_may_be_written(runner: Runner, tmp_path: Path, name: str) -> None:
    assert runner.file_to_write(name) == tmp_path / "ws" / name
    assert not (tmp_path / "ws" / name).exists()  # asking writes nothing
    runner.write_file(name, "t\u00e9xt\n")
    assert (tmp_path / "ws" / name).read_bytes() == "t\u00e9xt\n".encode()


def test_a_link_inside_the_workspace_stays_and_its_file_is_replaced(runner: Runner, tmp_path: Path) -> None:
    (tmp_path / "ws/file").write_text("older")
    (tmp_path / "ws/link").symlink_to("file")
    runner.write_file("link", "newer")
    assert (tmp_path / "ws/link").is_symlink()
    assert (tmp_path / "ws/file").read_text() == "newer"


def test_a_file_that_cannot_be_written_whole_leaves_the_older_one(runner: Runner, tmp_path: Path) -> None:
    (tmp_path / "ws/out").mkdir()
    runner.write_file("out/report", "older")
    with pytest.raises(UnicodeEncodeError):
        runner.write_file("out/report", "newer" * 10_000 + "\ud800")
    assert (tmp_path / "ws/out/report").read_text() == "older"
    assert [path.name for path in (tmp_path / "ws/out").iterdir()] == ["report"]


def test_a_manifest_is_read_as_it_is(runner: Runner, tmp_path: Path) -> None:
    (tmp_path / "ws/manifest.json").write_bytes(b"\xff{}")
    assert runner.read_manifest("manifest.json") == b"\xff{}"


@pytest.mark.parametrize("name", ["manifest.json", "new/manifest.json"])
def test_a_manifest_that_is_not_there_yet_is_none(runner: Runner, tmp_path: Path, name: str) -> None:
    assert runner.read_manifest(name) is None
    assert list((tmp_path / "ws").iterdir()) == []


@pytest.mark.skipif(not Path("/proc/sys/vm/compact_memory").exists(), reason="takes a file that nobody may read")
def test_a_manifest_that_cannot_be_read_is_refused_not_taken_for_none(out: io.StringIO) -> None:
    runner = Runner({"GITHUB_WORKSPACE": "/proc/sys/vm"}, out)
    with pytest.raises(ZtpurgeError, match=r"'compact_memory' cannot be read \(Permission denied\)"):
        runner.read_manifest("compact_memory")  # even by root


def test_files_of_the_runner_that_cannot_be_written_are_a_warning(tmp_path: Path, out: io.StringIO) -> None:
    Runner({"GITHUB_STEP_SUMMARY": str(tmp_path / "no/file")}, out).write_summary("text")
    assert out.getvalue().startswith("::warning title=ztpurge::GITHUB_STEP_SUMMARY cannot be written")
