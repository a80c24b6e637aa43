"""Reports to be told of, in short: entries and verdicts are named by what stands behind the host."""

from __future__ import annotations

import io
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.runner import read_outputs
from ztpurge.cdn.plan import Batch, Folded, Plan
from ztpurge.cdn.purge import Outcome
from ztpurge.edge.judge import Verdict
from ztpurge.errors import ApiError, Failure
from ztpurge.inputs import parse
from ztpurge.report.announce import announce
from ztpurge.report.values import Report, StatusReport
from ztpurge.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ztpurge.cdn.plan import Kind
    from ztpurge.cdn.purge import State
    from ztpurge.edge.judge import Freshness

A = "http://a.example/"
ERROR = ApiError(Failure.SERVER, "the API answered 500: oops", remedy="Wait")
NO_ANSWER = ApiError(Failure.TIMEOUT, "no answer within 100 s", remedy="Wait", maybe_accepted=True)
UNDER_WAY = ApiError(Failure.TIMEOUT, "still under way (`run`) after 300 s", remedy="Ask again")
_ERRORS = {"failed": ERROR, "partial": ERROR, "pending": UNDER_WAY}


def call(state: State, names: str = "1", kind: Kind = "urls", *, host: str = "a.example", **facts: Any) -> Outcome:  # noqa: ANN401 - as Outcome
    """Return what became of a call: with the error that its state has, unless one is given."""
    entries = tuple(f"http://{host}/{name}" for name in names.split())
    known = {"req_id": None if state in {"failed", "planned"} else "i", "error": _ERRORS.get(state)}
    return Outcome(1, kind, host, entries, state, **(known | facts))


def seen(name: str, state: Freshness, reason: str = "", *, host: str = "a.example", **facts: Any) -> Verdict:  # noqa: ANN401 - as Verdict
    return Verdict(f"http://{host}/{name}", state, reason, **facts)


def see(*, reason: str = "", **names: str) -> tuple[Verdict, ...]:
    """Return verdicts by their states, on names with blanks between them."""
    reasons = {"stale": reason, "unverified": reason or "a link"}
    return tuple(
        Verdict(A + name, state, reasons.get(state, ""))  # type: ignore[arg-type]
        for state, listed in names.items()
        for name in listed.split()
    )


def run(*calls: Outcome, folded: Mapping[str, str] | None = None, **facts: Any) -> Report:  # noqa: ANN401 - as Report
    """Return the report of a run whose plan was those calls; `folded`: a name and its directory."""
    plan = Plan(
        tuple(Batch(outcome.kind, outcome.host, outcome.entries) for outcome in calls),
        tuple(Folded(A + name, A + directory) for name, directory in (folded or {}).items()),
    )
    return Report(plan=plan, outcomes=numbered(calls), **facts)


def status(*calls: Outcome) -> StatusReport:
    return StatusReport(outcomes=numbered(calls))


def numbered(calls: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
    return tuple(replace(outcome, number=number) for number, outcome in enumerate(calls, start=1))


def told(report: Report, **inputs: str) -> dict[str, Any]:
    """Return all that a runner is told of a run: outputs, exit code, log, annotations by level, lists, summary.

    Lists of URLs are names with blanks between them.
    """
    with tempfile.TemporaryDirectory() as folder:
        output, summary = Path(folder, "output"), Path(folder, "summary")
        summary.touch()
        out = io.StringIO()
        runner = Runner({"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary)}, out)
        named = {f"INPUT_{name.replace('_', '-').upper()}": value for name, value in inputs.items()}
        code = announce(report, parse({"INPUT_TOKEN": "x", "INPUT_URLS": "[]", **named}), runner)
        found: dict[str, Any] = dict(read_outputs(output.read_bytes()))
        found["summary"] = summary.read_text(encoding="utf-8")
    for name in ("purged-urls", "purged-dirs", "failed-urls", "stale-urls"):
        found[name] = " ".join(url.removeprefix(A) for url in json.loads(found[name]))
    found["log"] = out.getvalue().split("\n")[:-1]
    for level in ("error", "warning", "notice"):
        start = f"::{level} title=ztpurge::"
        found[level] = [line.removeprefix(start).replace("%25", "%") for line in found["log"] if line.startswith(start)]
    words = (request["status"] for request in json.loads(found["requests"]))
    head = " ".join((found["summary"][4:5], found["result"], found["success-rate"], *words))
    purged = f"{found['purged-urls']} {found['purged-dirs']}".strip()
    return {
        **found,
        "code": code,
        "headline": found["log"][-1].removesuffix(" (0.0 s)"),
        "annotations": [f"{level}: {text}" for level in ("error", "warning", "notice") for text in found[level]],
        "in short": " | ".join((head, purged, found["failed-urls"], found["stale-urls"])).rstrip(" |"),
    }
