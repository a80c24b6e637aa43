"""What is said to the runner is escaped, written whole, and never fails the step."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.runner import read_outputs
from ztpurge.errors import ZtpurgeError
from ztpurge.workflow import Workflow

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def workflow(tmp_path: Path, out: io.StringIO) -> Workflow:
    (tmp_path / "ws").mkdir()
    (tmp_path / "temp").mkdir()
    environ = {
        "GITHUB_WORKSPACE": str(tmp_path / "ws"),
        "RUNNER_TEMP": str(tmp_path / "temp"),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
    }
    return Workflow(environ, out)


@pytest.mark.parametrize(
    ("secret", "lines"),
    [
        pytest.param("abc", ["::add-mask::abc"], id="one line"),
        pytest.param(" abc\n", ["::add-mask::abc"], id="trimmed as the token is"),
        pytest.param("a%b\nc", ["::add-mask::a%25b", "::add-mask::a%2525b", "::add-mask::c"], id="line by line"),
        pytest.param("\n", [], id="nothing to mask"),
    ],
)
def test_secrets_are_masked(workflow: Workflow, out: io.StringIO, secret: str, lines: list[str]) -> None:
    workflow.mask(secret)
    assert out.getvalue().splitlines() == lines


def test_annotations_escape_title_and_message(workflow: Workflow, out: io.StringIO) -> None:
    workflow.annotate("error", "a:b,c%", "100 %\r\n::x")
    assert out.getvalue() == "::error title=a%3Ab%2Cc%25::100 %25\\r\\n::x\n"


def test_a_group_is_closed_even_after_an_error(workflow: Workflow, out: io.StringIO) -> None:
    with pytest.raises(KeyError), workflow.group("title"):
        raise KeyError
    assert out.getvalue() == "::group::title\n::endgroup::\n"


NAMES = st.from_regex(r"[a-z]+(-[a-z]+)*", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"))


@given(values=st.dictionaries(NAMES, TEXTS))
def test_outputs_survive_the_runner_s_grammar(tmp_path_factory: pytest.TempPathFactory, values: dict[str, str]) -> None:
    path = tmp_path_factory.getbasetemp() / "outputs"
    path.write_bytes(b"")
    Workflow({"GITHUB_OUTPUT": str(path)}, io.StringIO()).set_outputs(values)
    assert read_outputs(path.read_bytes()) == values


def test_outputs_are_appended_to_what_is_there(workflow: Workflow, tmp_path: Path) -> None:
    (tmp_path / "output").write_text("before=1\n")
    workflow.set_outputs({"after": "2"})
    assert read_outputs((tmp_path / "output").read_bytes()) == {"before": "1", "after": "2"}


@pytest.mark.parametrize("name", ["a=b", "a<<b", "a\nb"])
def test_an_output_name_that_would_misparse_is_a_bug(workflow: Workflow, name: str) -> None:
    with pytest.raises(ValueError, match="a"):
        workflow.set_outputs({name: ""})


def test_list_files_may_lie_in_workspace_and_temporary_folder(workflow: Workflow, tmp_path: Path) -> None:
    (tmp_path / "ws/list").write_bytes(b"1")
    (tmp_path / "temp/list").write_bytes(b"2")
    assert workflow.read_list("list") == b"1"
    assert workflow.read_list(str(tmp_path / "temp/list")) == b"2"


@pytest.mark.parametrize("name", ["../other", "/etc/passwd", "link", "a\0b"])
def test_list_files_elsewhere_are_refused(workflow: Workflow, tmp_path: Path, name: str) -> None:
    (tmp_path / "other").write_text("secret")
    (tmp_path / "ws/link").symlink_to(tmp_path / "other")
    with pytest.raises(ZtpurgeError, match=r"outside|not a path"):
        workflow.read_list(name)


def test_a_list_that_cannot_be_read_is_refused(workflow: Workflow, tmp_path: Path) -> None:
    (tmp_path / "ws/folder").mkdir()
    with pytest.raises(ZtpurgeError, match="there is no file 'folder'"):
        workflow.read_list("folder")
    with pytest.raises(ZtpurgeError, match="'xxx"):
        workflow.read_list("x" * 5000)


def test_the_report_is_written_whole_and_replaces_an_older_one(workflow: Workflow, tmp_path: Path) -> None:
    for text in ("older and longer", "newer"):
        workflow.write_report("out/report.json", text)
    assert (tmp_path / "ws/out/report.json").read_text() == "newer"
    assert [path.name for path in (tmp_path / "ws/out").iterdir()] == ["report.json"]
    assert (tmp_path / "ws/out/report.json").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("../report", "outside", id="outside"),
        pytest.param(".", "is a folder", id="the workspace"),
        pytest.param("file/report", "cannot be written", id="below a file"),
    ],
)
def test_a_report_that_cannot_be_written_is_refused(workflow: Workflow, tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "ws/file").touch()
    with pytest.raises(ZtpurgeError, match=words):
        workflow.write_report(name, "text")


def test_files_of_the_runner_that_cannot_be_written_are_a_warning(tmp_path: Path, out: io.StringIO) -> None:
    Workflow({"GITHUB_STEP_SUMMARY": str(tmp_path / "no/file")}, out).write_summary("text")
    assert out.getvalue().startswith("::warning title=ztpurge::GITHUB_STEP_SUMMARY cannot be written")
