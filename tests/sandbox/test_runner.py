"""The stand-in for the runner reads GITHUB_OUTPUT as strictly as the runner does."""

from __future__ import annotations

import pytest

from sandbox.runner import read_outputs
from tests.tables import cases


@cases("text outputs", {
    "nothing": ("", {}), "a line": ("a=b\n", {"a": "b"}), "equals sign first": ("a=b<<c\n", {"a": "b<<c"}),
    "several lines": ("a<<E\nx=1\n\ny\nE\nb=2\n", {"a": "x=1\n\ny", "b": "2"}), "empty value": ("a<<E\nE\n", {"a": ""}),
    "lines end at LF only": ("a<<E\nx\r\nE\n", {"a": "x\r"}),
})  # fmt: skip
def test_outputs_are_read(text: str, outputs: dict[str, str]) -> None:
    assert read_outputs(text.encode()) == outputs


@pytest.mark.parametrize("text", ["no equals sign\n", "a<<E\nno end\n", "<<E\nE\n", "a<<\n"])
def test_malformed_lines_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not an output|has no end"):
        read_outputs(text.encode())
