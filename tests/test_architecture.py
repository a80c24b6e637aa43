"""The house stands as CONTRIBUTING.md draws it: imports run down only, and each wing says what it is for."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

TOP = Path(__file__).resolve().parents[1]
HOUSE = TOP / "ztpurge"
TREE = (TOP / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("    ztpurge/\n")[2].partition("    sandbox/")[0]
# from the top to the ground: what is imported stands further down
WINGS = [*re.findall(r"^      ([a-z_]+)(?:/|\.py) ", TREE, re.MULTILINE), "__init__"]
FOLDERS = [name for name in WINGS if (HOUSE / name).is_dir()]


def imports() -> Iterator[tuple[str, str]]:
    """Yield each room with each room that it imports, those for types too."""
    for path in HOUSE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "ztpurge":
                for name in node.names:
                    yield path.relative_to(HOUSE).as_posix(), room_of(*node.module.split(".")[1:], name.name)


def room_of(*names: str) -> str:
    """Return the room that an import means: the file of that name, else the folder's own."""
    if names and HOUSE.joinpath(*names).with_suffix(".py").is_file():
        return "/".join(names) + ".py"
    return room_of(*names[:-1]) if names else "__init__.py"


def wing_of(room: str) -> str:
    return room.split("/", maxsplit=1)[0].removesuffix(".py")


def test_every_room_stands_in_a_wing() -> None:
    assert {wing_of(path.relative_to(HOUSE).as_posix()) for path in HOUSE.rglob("*.py")} == set(WINGS)


def test_imports_run_down_only() -> None:
    floors = {wing: floor for floor, wing in enumerate(WINGS)}
    up = {(room, below) for room, below in imports() if floors[wing_of(room)] > floors[wing_of(below)]}
    assert up == set()


def test_rooms_of_a_wing_import_each_other_in_no_circle() -> None:
    below: dict[str, set[str]] = {}
    for room, imported in imports():
        below.setdefault(room, set()).add(imported)
    while leaves := [room for room in below if not below[room] & below.keys()]:
        for room in leaves:
            del below[room]
    assert below == {}


@pytest.mark.parametrize("wing", FOLDERS)
def test_a_wing_says_what_it_is_for_and_hands_nothing_on(wing: str) -> None:
    (says,) = ast.parse((HOUSE / wing / "__init__.py").read_text(encoding="utf-8")).body
    assert isinstance(says, ast.Expr)
    assert isinstance(says.value, ast.Constant)
    assert 2 <= str(says.value.value).count(".\n") <= 4
