"""A project's id is one plain word."""

from __future__ import annotations

import pytest

from tests.tables import cases
from ztpurge.errors import ZtpurgeError
from ztpurge.site.projects import parse_project_id


@cases("text project_id", {
    "hexadecimal": ("0f3c9d4e8b1a4d6f9e2c7b5a1d3e8f60", "0f3c9d4e8b1a4d6f9e2c7b5a1d3e8f60"),
    "with dashes": ("Games-2_eu", "Games-2_eu"), "blanks around": (" p1\n", "p1"), "longest": ("a" * 64, "a" * 64),
})  # fmt: skip
def test_an_id(text: str, project_id: str) -> None:
    assert parse_project_id(text) == project_id


@pytest.mark.parametrize("text", ["", " ", "a" * 65, "a b", "a\nb", "a/b", 'p1"', "caf\u00e9", "\u0661"], ids=ascii)
def test_no_id(text: str) -> None:
    with pytest.raises(ZtpurgeError, match=r"it is no project id\. Take the id from the CDN's console: 64 characters"):
        parse_project_id(text)
