"""docs/troubleshooting.md has each message of the code, and none that the code does not have."""

from __future__ import annotations

import ast
import re

from tests.whole.messages import PACKAGE, TREES, messages, plain

PAGE = (PACKAGE.parent / "docs/troubleshooting.md").read_text(encoding="utf-8")
CELLS = [re.split(r"(?<!\\)\|", line)[1] for line in PAGE.splitlines() if line.startswith("| `")]
TOLD = [plain(text) for cell in CELLS for text in cell.split("<br>")]
LONG = 25  # of a message that is longer the page may leave out the end, which says what to do
JOINED = {"purged, but not fresh"}  # made of pieces that only a run puts side by side


def is_told(message: str) -> bool:
    return any(message == told or (len(told) > LONG and message.startswith(told)) for told in TOLD)


def test_each_message_of_the_code_stands_on_the_page() -> None:
    """The one test that a new message turns red: it says where that is made, and what the page lacks."""
    found = messages()
    assert len(found) > 240
    lacking = [f"{place}: {message}" for message, place in found.items() if not is_told(message)]
    assert not lacking, "not in docs/troubleshooting.md:\n" + "\n".join(lacking)


def test_each_message_of_the_page_is_the_code_s() -> None:
    texts = (node.value for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.Constant))
    code = "\n".join([*messages(), *(plain(text) for text in texts if isinstance(text, str))])
    assert len(TOLD) > 240
    of_yesterday = [told for told in TOLD if not all(plain(piece) in code for piece in told.split("…"))]
    assert [told for told in of_yesterday if told not in JOINED] == []
