"""What is done at a desk, without a runner, git or a network: explain what would be purged, render a report."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from ztpurge.errors import InvalidInputs, ZtpurgeError
from ztpurge.inputs import parse
from ztpurge.report.document import read_document
from ztpurge.report.explain import explain_paths
from ztpurge.report.markdown import render_summary
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
    what = "make the job summary, in Markdown, of what `report-file` holds"
    render = commands.add_parser("render", help=what, description=f"{what}, to post it as a comment or to a chat")
    render.add_argument("report", metavar="FILE", help="the report; - for standard input")
    given = vars(parser.parse_args(arguments))
    if "report" in given:
        return _render(given["report"])
    paths = given.pop("paths")
    files = os.fsdecode(sys.stdin.buffer.read()) if paths == ["-"] else json.dumps(paths)
    return _explain({"files": files, "dry-run": "true"} | {name.replace("_", "-"): given[name] for name in given})


def _render(name: str) -> int:
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        summary = render_summary(read_document(data))
    except (OSError, ZtpurgeError) as error:
        sys.stderr.write(f"{for_log(name)}: {for_log(str(error))}\n")
        return 2
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # by somebody's hand
        sys.stderr.write(f"{for_log(name)}: it is not as a report is ({for_log(repr(error), limit=200)})\n")
        return 2
    sys.stdout.write(summary)
    return 0


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
    for line in explain_paths(found.sites, (change.path for change in found.listed), mapped):
        runner.say(line)
    return 0


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(main(sys.argv[1:]))
