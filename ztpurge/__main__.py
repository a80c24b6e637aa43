"""What is done at a desk, without a runner, git or a network: `python3 -m ztpurge explain PATH...`."""

from __future__ import annotations

import argparse
import json
import os
import sys

from ztpurge.errors import InvalidInputs
from ztpurge.inputs import parse
from ztpurge.report.explain import explain_path
from ztpurge.report.sentences import problem_message
from ztpurge.runner import Runner
from ztpurge.site.mapping import map_changes
from ztpurge.sources.opening import FilesOfInputs, check_files
from ztpurge.untrusted import for_log

_OF_A_SITE = ("config", "base-url", "root", "include", "exclude", "index-files", "clean-urls")


def main(arguments: list[str]) -> int:
    """Carry out a command line; return 0, or 2 with every problem on standard error if it cannot be."""
    parser = argparse.ArgumentParser(prog="python3 -m ztpurge")
    commands = parser.add_subparsers(required=True)
    what = "say what would be purged for changed files, by which site or rule, and why not by the others"
    explain = commands.add_parser("explain", help=what, description=f"{what}, as the workspace's .ztpurge.yml has it")
    explain.add_argument("paths", nargs="+", metavar="PATH", help="from the repository's top folder on; - reads a list")
    for name in _OF_A_SITE:
        explain.add_argument(f"--{name}", default="", metavar="TEXT", help="the input of that name")
    given = vars(parser.parse_args(arguments))
    paths = given.pop("paths")
    files = os.fsdecode(sys.stdin.buffer.read()) if paths == ["-"] else json.dumps(paths)
    return _explain({"files": files, "dry-run": "true"} | {name.replace("_", "-"): given[name] for name in given})


def _explain(inputs: dict[str, str]) -> int:
    found = FilesOfInputs()
    runner = Runner({}, sys.stdout)
    try:
        parse(
            {f"INPUT_{name.upper()}": text for name, text in inputs.items()},
            check=lambda inputs, given: check_files(inputs, given, runner, found),
        )
    except InvalidInputs as error:
        for problem in error.problems:
            sys.stderr.write(f"{for_log(problem_message(problem))}\n")
        return 2
    mapped = map_changes(found.sites, found.listed)
    for change in found.listed:
        for line in explain_path(found.sites, change.path, mapped):
            runner.say(line)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
