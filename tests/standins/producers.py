"""Stand-ins for what makes lists of changed files: names in, the text that the producer really writes out."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LETTERS = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}


def quoted_by_git(name: str, *, quote_path: bool = True) -> str:
    """Quote a name as git does (quote.c; git itself is asked in test_lists.py)."""

    def spell(byte: int) -> bytes:
        is_octal = byte < 32 or byte == 127 or (byte > 127 and quote_path)
        return LETTERS[byte].encode() if byte in LETTERS else b"\\%03o" % byte if is_octal else bytes([byte])

    raw = os.fsencode(name)
    quoted = b"".join(map(spell, raw))
    return name if quoted == raw else f'"{os.fsdecode(quoted)}"'


def tj(
    names: list[str],
    *,
    separator: str = " ",
    as_json: bool = False,
    escape_json: bool = True,
    safe: bool = True,
    quote_path: bool = True,
) -> str:
    """Write a list as tj-actions/changed-files does: names from git, joined, quotes escaped, the rest made safe."""
    quoted = [quoted_by_git(name, quote_path=quote_path) for name in names]
    text = json.dumps(quoted, separators=(",", ":"), ensure_ascii=False) if as_json else separator.join(quoted)
    if as_json and escape_json:
        text = text.replace('"', '\\"')
    return re.sub(r"[^\x20-\x7E]|[:*?<>|;`$()&!]", lambda found: "\\" + found[0], text) if safe else text


def dorny(names: list[str], list_files: str) -> str:
    """Write a list as dorny/paths-filter does; as CSV a name is in quotes where it needs them."""
    if list_files == "json":
        return json.dumps(names, ensure_ascii=False, separators=(",", ":"))
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(names)
    return out.getvalue().removesuffix("\n")


def output_of(uses: str, options: Mapping[str, str], names: list[str]) -> str:
    """Write what a step of a workflow that uses one of these actions with such options puts out."""
    if uses.startswith("tj-actions/changed-files@"):
        return tj(
            names, separator=options.get("separator", " "), as_json=options.get("json") == "true",
            escape_json=options.get("escape_json", "true") == "true", safe=options.get("safe_output", "true") == "true",
            quote_path=options.get("quotepath", "true") == "true",
        )  # fmt: skip
    if uses.startswith("dorny/paths-filter@"):
        return dorny(names, options["list-files"])
    raise ValueError(uses)
