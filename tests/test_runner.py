"""What is said to the runner is escaped, written whole, and never fails the step."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.runner import read_outputs
from tests.tables import cases
from ztpurge.errors import Position, ZtpurgeError
from ztpurge.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def runner(tmp_path: Path, out: io.StringIO) -> Runner:
    (tmp_path / "ws").mkdir()
    (tmp_path / "temp").mkdir()
    environ = {
        "GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(tmp_path / "ws"), "RUNNER_TEMP": str(tmp_path / "temp"),
        "GITHUB_OUTPUT": str(tmp_path / "output"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
    }  # fmt: skip
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


@cases("position properties", {
    "nowhere": (None, ""),
    "at a line of a file": (Position("a/.ztpurge.yml", 7, 5), "file=a/.ztpurge.yml,line=7,col=5,"),
    "of a hostile name": (Position("a,line=9::b\n%", 1, 1), "file=a%2Cline=9%3A%3Ab\\n%25,line=1,col=1,"),
    "at a whole file": (Position("a/b c.css"), "file=a/b c.css,"),
    "at one whose name is not UTF-8": (Position("a/\udcff\u202e.css"), "file=a/\\xff\\u202e.css,"),
})  # fmt: skip
def test_annotations_escape_properties_and_message(
    runner: Runner, out: io.StringIO, position: Position | None, properties: str
) -> None:
    runner.annotate("error", "a:b,c%", "100 %\r\n::x", at=position)
    assert out.getvalue() == f"::error {properties}title=a%3Ab%2Cc%25::100 %25\\r\\n::x\n"


def test_a_group_is_closed_even_after_an_error(runner: Runner, out: io.StringIO) -> None:
    with pytest.raises(KeyError), runner.group("title"):
        raise KeyError
    assert out.getvalue() == "::group::title\n::endgroup::\n"


def say_in_a_group(runner: Runner) -> None:
    with runner.group("u"):
        runner.say("x")
    runner.say("y")


def say_openly(runner: Runner) -> None:
    runner.say_openly("x")
    runner.say("y")


@cases("say lines", {
    "what is said is folded away": (lambda runner: runner.say("x"), ["group::t", "x", "endgroup::", "after"]),
    "what is said openly, and what follows, is not": (say_openly, ["group::t", "endgroup::", "x", "y", "after"]),
    "an annotation is not": (lambda runner: runner.annotate("error", "z", "x"),
                             ["group::t", "endgroup::", "error title=z::x", "after"]),
    "a group within a group stands behind it": (say_in_a_group, ["group::t", "endgroup::", "group::u", "x",
                                                                 "endgroup::", "y", "after"]),
    "lines that are folded at once do, too": (lambda runner: runner.fold("u\n", ["x", "::y"]),
                                              ["group::t", "endgroup::", "group::u\\n", "x", "\\::y", "endgroup::",
                                               "after"]),
})  # fmt: skip
def test_what_is_wrong_is_not_folded_away(
    runner: Runner, out: io.StringIO, say: Callable[[Runner], object], lines: list[str]
) -> None:
    with runner.group("t"):
        say(runner)
    runner.say_openly("after")
    assert [line.removeprefix("::") for line in out.getvalue().splitlines()] == lines


def test_annotations_are_counted_by_level(runner: Runner) -> None:
    for _ in range(9):
        runner.annotate("error", "t", "m")
    assert (runner.room_for("error"), runner.room_for("warning")) == (1, 10)
    runner.annotate("error", "t", "m")
    runner.annotate("error", "t", "m")
    assert runner.room_for("error") == 0


RUN = {
    "GITHUB_SERVER_URL": "https://git.example", "GITHUB_REPOSITORY": "o/r", "GITHUB_RUN_ID": "44",
    "GITHUB_RUN_NUMBER": "36",
}  # fmt: skip
RUNS = "https://git.example/o/r/actions"


@cases("environ page", {
    "GitHub": (RUN, f"{RUNS}/runs/44"),
    "Forgejo": (RUN | {"GITEA_ACTIONS": "true", "FORGEJO_ACTIONS": "true"}, f"{RUNS}/runs/36"),
    "Forgejo without a number": (RUN | {"FORGEJO_ACTIONS": "true", "GITHUB_RUN_NUMBER": ""}, RUNS),
    "Gitea": (RUN | {"GITEA_ACTIONS": "true"}, RUNS),
    **{f"no {name}": ({key: value for key, value in RUN.items() if key != name}, "") for name in [*RUN][:3]},
})  # fmt: skip
def test_the_run_has_a_page(environ: dict[str, str], page: str) -> None:
    assert Runner(environ, io.StringIO()).run_page == page


NAMES = st.from_regex(r"[a-z]+(-[a-z]+)*", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"))


@given(values=st.dictionaries(NAMES, TEXTS))
def test_outputs_survive_the_runner_s_grammar(tmp_path_factory: pytest.TempPathFactory, values: dict[str, str]) -> None:
    path = tmp_path_factory.getbasetemp() / "outputs"
    path.write_bytes(b"_before=1\n")
    Runner({"GITHUB_OUTPUT": str(path)}, io.StringIO()).set_outputs(values)
    assert read_outputs(path.read_bytes()) == {"_before": "1"} | values


@pytest.mark.parametrize("name", ["a=b", "a<<b", "a\nb"])
def test_an_output_name_that_would_misparse_is_a_bug(runner: Runner, name: str) -> None:
    with pytest.raises(ValueError, match="a"):
        runner.set_outputs({name: ""})


def test_list_files_may_lie_in_workspace_and_temporary_folder(runner: Runner, tmp_path: Path) -> None:
    (tmp_path / "ws/list").write_bytes(b"1")
    (tmp_path / "temp/list").write_bytes(b"2")
    assert runner.read_list("list") == b"1"
    assert runner.read_list(str(tmp_path / "temp/list")) == b"2"


LONG = r"not a path .File name too long"


@cases("name words", {
    "outside": ("../report", "outside"), "absolute": ("/etc/report", "outside"), "a link outside": ("link", "outside"),
    "below a link outside": ("linked/report", "outside"), "climbing": ("a/../../report", "outside"),
    "nothing": ("", "is a folder"), "the workspace": (".", "is a folder"), "a folder": ("folder", "is a folder"),
    "git's": (".git/config", "is git's"), "git's further down": ("sub/.git/hooks/pre-push", "is git's"),
    "git's own file": (".git", "is git's"), "git's by a link": ("to-git/config", "is git's"),
    "a NUL": ("a\0b", "not a path"), "a link to itself": ("loop/a", "not a path"), "a name too long": ("x" * 300, LONG),
    "a new folder's name too long": ("new/" + "x" * 300 + "/report", LONG), "a path too long": ("x/" * 3000, LONG),
    "a name too long in UTF-8": ("\u6625" * 100, LONG), "not UTF-8": ("a\udcffb", "not a path"),
    "a surrogate": ("a\ud800b", "not a path"),
    "a name too long to be shown": ("x" * 5000, r"'x{200}'... .5000 characters. is not a path .File name too long"),
})  # fmt: skip
def test_files_that_may_not_be_used_are_refused(runner: Runner, tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/secret").write_text("secret")
    (tmp_path / "ws/folder").mkdir()
    for link, target in (("link", "../other/secret"), ("linked", "../other"), ("to-git", ".git"), ("loop", "loop")):
        (tmp_path / "ws" / link).symlink_to(target)
    for use in (runner.file_to_write, lambda name: runner.write_file(name, "text"), runner.read_manifest):
        with pytest.raises(ZtpurgeError, match=words):
            use(name)
    with pytest.raises(ZtpurgeError, match=words if words.startswith(("out", "not", "'x")) else "there is no file"):
        runner.read_list(name)
    assert (tmp_path / "other/secret").read_text() == "secret"
    assert not (tmp_path / "ws/.git").exists()


@pytest.mark.parametrize("name", ["report", "new/low/report", ".hidden/report", "a..b", ".gitignore", "x.git/report"])
def test_a_file_is_written_whole_and_replaces_an_older_one(runner: Runner, tmp_path: Path, name: str) -> None:
    path = tmp_path / "ws" / name
    assert (runner.file_to_write(name), runner.read_manifest(name)) == (path, None)
    assert list((tmp_path / "ws").iterdir()) == []  # asking writes nothing
    for text in ("older and longer", "n\u00e9wer\n"):
        runner.write_file(name, text)
        assert runner.read_manifest(name) == text.encode()
    assert path.stat().st_mode & 0o777 == 0o644
    with pytest.raises(UnicodeEncodeError):
        runner.write_file(name, "newest" * 10_000 + "\ud800")
    with pytest.raises(ZtpurgeError, match="cannot be written"):
        runner.write_file(f"{name}/below", "text")
    assert path.read_bytes() == "n\u00e9wer\n".encode()
    assert list(path.parent.iterdir()) == [path]


def test_a_link_inside_the_workspace_stays_and_its_file_is_replaced(runner: Runner, tmp_path: Path) -> None:
    (tmp_path / "ws/file").write_bytes(b"\xff{}")
    (tmp_path / "ws/link").symlink_to("file")
    assert runner.read_manifest("link") == b"\xff{}"
    runner.write_file("link", "newer")
    assert ((tmp_path / "ws/link").is_symlink(), (tmp_path / "ws/file").read_text()) == (True, "newer")


@pytest.mark.skipif(not Path("/proc/sys/vm/compact_memory").exists(), reason="takes a file that nobody may read")
def test_a_manifest_that_cannot_be_read_is_refused_not_taken_for_none(out: io.StringIO) -> None:
    runner = Runner({"GITHUB_WORKSPACE": "/proc/sys/vm"}, out)
    with pytest.raises(ZtpurgeError, match=r"'compact_memory' cannot be read \(Permission denied\)"):
        runner.read_manifest("compact_memory")  # even by root


def test_files_of_the_runner_that_cannot_be_written_are_a_warning(tmp_path: Path, out: io.StringIO) -> None:
    Runner({"GITHUB_STEP_SUMMARY": str(tmp_path / "no/file")}, out).write_summary("text")
    assert out.getvalue().startswith("::warning title=ztpurge::GITHUB_STEP_SUMMARY cannot be written")
