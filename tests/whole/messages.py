"""The messages of the code, read from its sources: what errors, warnings and verdicts are made with.

A message is compared by its literal words; what is filled in at run time is a gap, `…`.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).resolve().parents[2] / "ztpurge"
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
# what takes a message -> where among its arguments
TAKERS = {"ZtpurgeError": 0, "ApiError": 1, "because": 0, "_refuse": 1, "annotate": 2, "Verdict": 2, "Unknown": 0}
WARNERS = {"cautions.py"}  # each `yield` there is a warning
TABLES = {"_IN_PLAIN_WORDS", "_REFUSED"}  # their rows end in cause and remedy

Names = dict[str, list[ast.expr]]  # a name -> the expressions that it may stand for


def plain(text: str) -> str:
    """Return a message as it is compared: without quoting, white space as one blank, no gap at either end."""
    text = re.sub(r"[`'\\]", "", text)
    return re.sub(r"\s+", " ", re.sub(r"…[\s…]*…", "…", text)).strip(" …,.:;()")


def messages() -> dict[str, str]:
    """Return each message, made plain, with the place where it is made."""
    everywhere: Names = defaultdict(list)
    for tree in TREES.values():
        for node in tree.body:
            _note(node, everywhere)
            if isinstance(node, ast.FunctionDef):
                returns = (part.value for part in ast.walk(node) if isinstance(part, ast.Return))
                everywhere[node.name] += filter(None, returns)
    found: dict[str, str] = {}
    for path, tree in TREES.items():
        for taken, names in _taken(tree, is_warner=path.name in WARNERS):
            for text in _texts(taken, names, everywhere):
                if " " in plain(text):  # else all its words are another message's
                    found.setdefault(plain(text), f"{path.relative_to(PACKAGE.parent)}:{taken.lineno}")
    return found


def _note(node: ast.AST, names: Names) -> None:
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            names[name].append(value)
        case ast.Assign(targets=[ast.Tuple(elts=[ast.Name(id="cause"), _])], value=value):
            names["cause"] += _causes(value)


def _causes(table: ast.AST) -> list[ast.expr]:
    return [row.elts[-2] for row in ast.walk(table) if isinstance(row, ast.Tuple) and len(row.elts) in {2, 3}]


def _taken(tree: ast.Module, *, is_warner: bool) -> Iterator[tuple[ast.expr, Names]]:
    """Yield the expressions that messages are made with, and what the names in them may stand for."""
    for top in tree.body:
        if isinstance(top, ast.Assign) and ast.unparse(top.targets[0]) in TABLES:
            yield from ((cause, {}) for cause in _causes(top.value))
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        names: Names = defaultdict(list)
        for node in ast.walk(function):
            _note(node, names)
        for node in ast.walk(function):
            if isinstance(node, ast.Call):
                place = TAKERS.get(ast.unparse(node.func).rpartition(".")[2], len(node.args))
                if place < len(node.args) and ast.unparse(node.args[0]) != "'notice'":
                    yield node.args[place], names
            elif is_warner and isinstance(node, ast.Yield) and node.value:
                yield node.value, names


def _texts(node: ast.expr, names: Names, everywhere: Names) -> Iterator[str]:
    """Yield what an expression may read, with gaps for what is filled in."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=parts):
            yield "".join(_piece(part, everywhere) for part in parts)
        case ast.IfExp(body=one, orelse=other) | ast.BoolOp(values=[one, other]):
            yield from _texts(one, names, everywhere)
            yield from _texts(other, names, everywhere)
        case ast.Name() | ast.Attribute() | ast.Call():
            name = ast.unparse(node.func if isinstance(node, ast.Call) else node).rpartition(".")[2]
            for value in names.get(name) or everywhere[name]:
                yield from _texts(value, {}, everywhere)


def _piece(part: ast.expr, everywhere: Names) -> str:
    """Return a part of an f-string: its words, those of a constant that is filled in, or a gap."""
    if isinstance(part, ast.Constant):
        return str(part.value)
    match everywhere[ast.unparse(part.value)] if isinstance(part, ast.FormattedValue) else []:
        case [ast.Constant(value=str(text))]:
            return text
    return "…"
