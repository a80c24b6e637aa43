"""The stand-in for the runner reads GITHUB_OUTPUT as strictly as the runner does."""

from __future__ import annotations

import pytest

from sandbox.runner import read_outputs


@pytest.mark.parametrize(
    ("text", "outputs"),
    [
        pytest.param("", {}, id="nothing"),
        pytest.param("a=b\n", {"a": "b"}, id="a line"),
        pytest.param("a=b<<c\n", {"a": "b<<c"}, id="equals sign first"),
        pytest.param("a<<E\nx=1\n\ny\nE\nb=2\n", {"a": "x=1\n\ny", "b": "2"}, id="several lines"),
        pytest.param("a<<E\nE\n", {"a": ""}, id="empty value"),
        pytest.param("a<<E\nx\r\nE\n", {"a": "x\r"}, id="lines end at LF only"),
    ],
)
def test_outputs_are_read(text: str, outputs: dict[str, str]) -> None:
    assert read_outputs(text.encode()) == outputs


@pytest.mark.parametrize("text", ["no equals sign\n", "a<<E\nno end\n", "<<E\nE\n", "a<<\n"])
def test_malformed_lines_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not an output|has no end"):
        read_outputs(text.encode())
