"""How much code there is, how finely it is cut, and who imports whom: the figures by which the house is kept small.

    python -m benchmarks.figures [FOLDER or REVISION ...] [--product PATH ...] [--tests FOLDER]

Without an argument it looks at this tree; a folder can be any checkout, a revision is one of this repository.
Lines are those of `wc -l` in the product's and the tests' `*.py`. Each `def` is a function, in a class or in another
function too, and runs from the `def` to its last line. Nine in ten are no longer than the p90. Imports for types count.
"""

from __future__ import annotations

import argparse
import ast
import io
import math
import statistics
import subprocess
import tarfile
import tempfile
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Graph = dict[str, set[str]]

TOP = Path(__file__).resolve().parents[1]


def main() -> None:
    """Print a table with a row a tree, then the house of each as text."""
    parser = argparse.ArgumentParser(description="Print the figures of code, and its import graph by wings.")
    parser.add_argument("trees", nargs="*", default=[str(TOP)], metavar="FOLDER or REVISION")
    parser.add_argument("--product", nargs="+", default=["entrypoint.py", "ztpurge"], metavar="PATH")
    parser.add_argument("--tests", default="tests", metavar="FOLDER")
    given = parser.parse_args()
    print("| | lines | functions per 1,000 lines | median / p90 / longest function | test lines a line |")
    print("|---|---|---|---|---|")
    houses = []
    for tree in given.trees:
        with tempfile.TemporaryDirectory(prefix="ztpurge-figures-") as folder:
            top = Path(tree)
            if not top.is_dir():
                top = Path(folder)
                check_out(tree, top)
            print(f"| {tree} | {figures(top, given.product, given.tests)} |", flush=True)
            packages = [top / name for name in given.product if (top / name / "__init__.py").is_file()]
            houses += [f"{tree}: {describe(package)}" for package in packages]
    print("", *houses, sep="\n")


def check_out(revision: str, folder: Path) -> None:
    """Write the files of a revision of this repository below a folder."""
    archive = subprocess.run(["git", "archive", revision], cwd=TOP, check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")


def figures(top: Path, product: Sequence[str], tests: str) -> str:
    """Return the cells of a tree's row."""
    sources = [path for name in product for path in python_files(top / name)]
    lines = count_lines(sources)
    lengths = sorted(length for path in sources for length in function_lengths(path))
    p90 = lengths[math.ceil(len(lengths) * 0.9) - 1]
    return (
        f"{lines:,} | {len(lengths) / lines * 1000:.0f} | {statistics.median(lengths):.0f} / {p90} / {lengths[-1]} | "
        f"{count_lines(python_files(top / tests)) / lines:.2f}"
    )


def python_files(path: Path) -> list[Path]:
    """Return the Python files at or below a path, sorted."""
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def count_lines(paths: Sequence[Path]) -> int:
    """Return the lines of files as `wc -l` counts them."""
    return sum(path.read_bytes().count(b"\n") for path in paths)


def function_lengths(path: Path) -> Iterator[int]:
    """Yield the lines of each function of a file."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            yield node.end_lineno - node.lineno + 1


def describe(package: Path) -> str:
    """Return the size of a package's house, and what each wing imports from, from the top floor down.

    A room is a module other than `__init__`. A wing is a folder or a module at the package's top.
    """
    rooms = import_graph(package)
    wings: Graph = {wing_of(room): set() for room in rooms}
    for room, imported in rooms.items():
        wings[wing_of(room)] |= {wing_of(below) for below in imported} - {wing_of(room)}
    try:
        floors = floors_of(wings)
        lines = [f"{size_of(rooms)} between rooms; {size_of(wings)} between wings"]
    except CycleError as error:
        return f"{len(rooms)} rooms, which import in a circle: {' <- '.join(error.args[1])}"
    from_the_top = sorted(wings, key=lambda wing: (-floors[wing], wing))
    for wing in from_the_top:
        below = " ".join(name for name in from_the_top if name in wings[wing])
        lines.append(f"  {floors[wing]:2}  {wing:10} {below and '-> '}{below}".rstrip())
    return "\n".join(lines)


def wing_of(room: str) -> str:
    """Return the first part of a room's dotted name."""
    return room.split(".", maxsplit=1)[0]


def import_graph(package: Path) -> Graph:
    """Return each room of a package with those that it imports."""
    rooms = {
        ".".join(path.relative_to(package).with_suffix("").parts): path
        for path in python_files(package)
        if path.stem != "__init__"
    }
    return {
        room: {name for name in names_imported(path, f"{package.name}.{room}") if name in rooms and name != room}
        for room, path in rooms.items()
    }


def names_imported(path: Path, module: str) -> Iterator[str]:
    """Yield what a module imports from its own package: modules and names in them, without the package's name."""
    package = wing_of(module)
    for node in ast.walk(ast.parse(path.read_bytes())):
        names = []
        if isinstance(node, ast.Import):
            names = [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = ".".join(module.split(".")[: -node.level] if node.level else [])
            base = ".".join(filter(None, (start, node.module)))
            names = [base, *(f"{base}.{name.name}" for name in node.names)]
        yield from (name.removeprefix(f"{package}.") for name in names if name.startswith(f"{package}."))


def floors_of(graph: Graph) -> dict[str, int]:
    """Return the floor of each, one above the highest that it imports; raises CycleError."""
    floors: dict[str, int] = {}
    for name in TopologicalSorter(graph).static_order():
        floors[name] = 1 + max((floors[below] for below in graph[name]), default=0)
    return floors


def size_of(graph: Graph) -> str:
    """Return the size of a graph in words."""
    return f"{len(graph)} on {max(floors_of(graph).values())} floors with {sum(map(len, graph.values()))} arrows"


if __name__ == "__main__":
    main()
