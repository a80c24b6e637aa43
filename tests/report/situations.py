"""Situations that a summary has to serve, each as the document of a run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.report.reports import ERROR, NO_ANSWER, UNDER_WAY, call, run, status
from ztpurge.cdn.fold import Fold
from ztpurge.cdn.plan import Folded
from ztpurge.edge.judge import Verdict, combine, explain
from ztpurge.errors import ApiError, Failure, ZtpurgeError
from ztpurge.report.document import Document, describe, describe_refusal
from ztpurge.report.endings import held_back, refused
from ztpurge.report.values import Compared, Report, Stage
from ztpurge.site.mapping import Mapped, Sites, Skip, Target
from ztpurge.site.serving import Site

if TYPE_CHECKING:
    from ztpurge.cdn.purge import Outcome, State

HOST = "static.example.com"
BASE = f"https://{HOST}/"
PUSH = Compared("push", ("1f0c2a9e" * 5,), "9b3d7c40" * 5, "octo/site")
STAGES = (Stage("What changed", 0.0, 0.3), Stage("Purge", 0.3, 2.4), Stage("Wait", 2.4, 4.0), Stage("Verify", 4.0, 6.2))
SITES = Sites((Site(base_urls=(BASE,), root="public", name="site 1 (.ztpurge.yml:3)"),))
OPTIONS = (("root", "public"), ("base-url", BASE), ("verify", "true"), ("wait", "true"))
MOVED = Skip("public/vendor", "a submodule", is_unseen=True)
SKIPPED = (Skip("src/main.ts", "outside root public"), Skip("public/app.js.map", "matched by exclude"))
HOSTILE = [
    "a|b`c`.css",
    "<script>alert(1)</script>.js",
    "##[error]x",
    "@octocat #1.html",
    "\u202etxt.exe",
    "www.x.example",
]


def urls(count: int, folder: str = "") -> list[str]:
    return [f"{BASE}{folder}{number // 40}/page-{number}.html" for number in range(count)]


def purged(names: list[str], **facts: Any) -> Report:  # noqa: ANN401 - as Report
    """Return a run that purged these URLs in calls of ten, and saw each of them fresh."""
    calls = tuple(
        replace(
            call("done", host=HOST, attempts=1, seconds=0.4 + start % 7 / 10),
            entries=tuple(names[start : start + 10]),
            req_id=f"fa97b5d1-929f-11e5-b504-{start:012d}",
            done_after=1.2 + start % 5 / 10,
        )
        for start in range(0, len(names), 10)
    )
    verdicts = tuple(Verdict(url, "fresh", looks=1, seconds=2.0 + len(url) % 3) for url in names)
    targets = tuple(Target(url, f"public/{url.removeprefix(BASE)}", SITES.sites[0].name) for url in names)
    known: dict[str, Any] = {
        "sites": SITES,
        "mapped": Mapped(targets, SKIPPED),
        "verdicts": verdicts,
        "compared": PUSH,
        "stages": STAGES,
        "seconds": 6.2,
        "waited": True,
        "options": OPTIONS,
    }
    return run(*calls, **known | facts)


def broken(report: Report, *, every: int, error: ApiError, state: State = "failed") -> Report:
    """Return a run of which one call in so many went wrong."""
    outcomes = tuple(
        replace(one, state=state, error=error, req_id=one.req_id if state == "pending" else None, done_after=None)
        if one.number % every == 0
        else one
        for one in report.outcomes
    )
    lost = {url for one in outcomes if one.error for url in one.entries}
    return replace(report, outcomes=outcomes, verdicts=tuple(one for one in report.verdicts if one.url not in lost))


def stale(report: Report) -> Report:
    """Return a run of which one URL in 17 stays stale, and one cannot be compared."""
    said = (("Age", "86"), ("X-Cache", "HIT from edge-7"), ("Last-Modified", "Mon, 30 Nov 2026 08:00:00 GMT"))
    old = {
        "state": "stale",
        "reason": "serves other content (9 looks in 120 s)",
        "said": said,
        "served": "other content",
    }
    verdicts = [
        replace(one, **old, blame="edge", looks=9) if number % 17 == 3 else one  # type: ignore[arg-type]
        for number, one in enumerate(report.verdicts)
    ]
    verdicts[1] = replace(verdicts[1], state="unverified", reason="a symbolic link, which may be served as its target")
    return replace(report, verdicts=tuple(verdicts))


def late(*, is_seen: bool) -> Report:
    """Return a run that purged nothing, since the origin is old or does not answer."""
    report = purged(urls(12), stages=(STAGES[0], Stage("Origin", 0.3, 120.4)), verdicts=(), waited=False)
    said = (("Last-Modified", "Mon, 30 Nov 2026 08:00:00 GMT"),)
    old = Verdict(
        "", "stale", "at the origin: serves other content (17 looks in 120 s)", said, 17, served="other content"
    )
    down = Verdict(
        "", "stale", "at the origin: not seen: no connection within 10 s (9 looks in 120 s)", looks=9, is_seen=False
    )
    names = urls(12)[2:5] if is_seen else urls(12)
    found = (replace(old if is_seen else down, url=url, at=url.replace(HOST, "203.0.113.9:8443")) for url in names)
    return replace(held_back(report, tuple(found)), seconds=121.0)


EDGES = {"192.0.2.7": "FRA50-P3", "192.0.2.8": "LHR61-C2", "2001:db8::7": ""}


def everywhere(report: Report, *, wrong: int = 0, **facts: Any) -> Report:  # noqa: ANN401 - as Verdict
    """Return a run that looked at three edges, of which the second is not fresh for so many URLs."""

    def look(verdict: Verdict, server: str, place: str, *, is_wrong: bool) -> Verdict:
        at = verdict.url.replace(HOST, f"[{server}]" if ":" in server else server)
        seen = replace(verdict, place=place, at=at, in_browsers=604800.0)
        return replace(seen, state="stale", served="other content", **facts) if is_wrong else seen

    def combined(number: int, verdict: Verdict) -> Verdict:
        seen = {
            server: look(verdict, server, place, is_wrong=number < wrong and server == "192.0.2.8")
            for server, place in EDGES.items()
        }
        return explain(combine(seen), seconds=120, stopped=False)

    verdicts = tuple(combined(number, verdict) for number, verdict in enumerate(report.verdicts))
    return replace(report, verdicts=verdicts, unreachable={HOST: ("2001:db8::8", "2001:db8::9")})


def again(report: Report, count: int, **facts: Any) -> tuple[Outcome, ...]:  # noqa: ANN401 - as Outcome
    """Return a second purge of the first URLs."""
    entries = tuple(verdict.url for verdict in report.verdicts[:count])
    known = {"state": "accepted", "req_id": "0b1d7a52-929f-11e5-b504-000000000001", "done_after": None}
    return (replace(report.outcomes[0], entries=entries, **(known | facts)),)


def disagreeing() -> Report:
    said = (("Age", "86"), ("X-Cache", "HIT"))
    report = purged(urls(12), options=())
    old = everywhere(report, wrong=2, reason="serves other content", said=said, blame="edge", looks=17)
    return replace(old, again=again(report, 2), seconds=121.0)


def came_back() -> Report:
    report = purged(urls(12))
    reason = "serves other content, after it served the new content (11 looks in 120 s)"
    facts = {"state": "stale", "reason": reason, "served": "other content", "said": (("Via", "1.1 varnish"),)}
    old = replace(report.verdicts[3], **facts, is_back=True, looks=11)  # type: ignore[arg-type]
    verdicts = (*report.verdicts[:3], old, *report.verdicts[4:])
    failed = again(replace(report, verdicts=(old,)), 1, state="failed", req_id=None, error=NO_ANSWER)
    return replace(report, verdicts=verdicts, again=failed, seconds=121.0)


def purged_twice() -> Report:
    report = everywhere(purged(urls(12)))
    verdicts = tuple(
        replace(verdict, in_browsers=None) if number > 8 else verdict for number, verdict in enumerate(report.verdicts)
    )
    return replace(report, again=again(report, 2), verdicts=verdicts)


def planned() -> Report:
    report = purged([*urls(28), f"{BASE}news/"], compared=replace(PUSH, event="pull_request"), stages=(), verdicts=())
    outcomes = (*report.outcomes, replace(call("planned", kind="dirs", host=HOST), entries=(f"{BASE}tags/",)))
    states = tuple(replace(one, state="planned", req_id=None, attempts=0, seconds=0.0) for one in outcomes)
    return replace(run(*states), **{
        name: getattr(report, name) for name in ("sites", "mapped", "compared", "options")
    })  # fmt: skip


def folded() -> Report:
    report = purged(urls(12))
    directory = replace(report.outcomes[0], kind="dirs", entries=(f"{BASE}css/", BASE), number=3)
    plan = replace(
        run(*report.outcomes, directory).plan,
        folds=(Fold(f"{BASE}css/", 30, 2), Fold(BASE, 8, None)),
        folded=tuple(Folded(f"{BASE}css/{number}.css", f"{BASE}css/") for number in range(30)),
    )
    return replace(report, outcomes=(*report.outcomes, directory), plan=plan)


def hostile() -> Report:
    names = [f"{BASE}{number}.html" for number in range(2)]
    report = purged(names)
    targets = tuple(Target(url, path, path) for url, path in zip(names, HOSTILE, strict=False))
    skipped = tuple(Skip(path, "a submodule", is_unseen=number % 2 == 0) for number, path in enumerate(HOSTILE))
    error = ApiError(Failure.SERVER, " ".join(HOSTILE), remedy=HOSTILE[0])
    return replace(broken(report, every=1, error=error), mapped=Mapped(targets, skipped), cautions=tuple(HOSTILE))


def situations() -> dict[str, Document]:
    """Return the documents by what they show."""
    reports = {
        "all well": purged(urls(12)),
        "many": purged(urls(232)),
        "partial": broken(purged(urls(232)), every=24, error=ERROR),
        "all failed": broken(purged(urls(30)), every=1, error=NO_ANSWER),
        "stale": stale(purged(urls(60))),
        "pending": broken(purged(urls(25)), every=2, error=UNDER_WAY, state="pending"),
        "dry run": planned(),
        "nothing": Report(mapped=Mapped(skipped=SKIPPED), compared=PUSH, seconds=0.4),
        "folded": folded(),
        "10,000 URLs": purged(urls(10_000), cautions=("a deploy that is not finished leaves the old files",)),
        "hostile names": hostile(),
        "status": status(call("done", "1 2", host=HOST), call("pending", "3", host=HOST), call("failed", host=HOST)),
        "refused after planning": refused(
            replace(purged(urls(30)), outcomes=(), verdicts=(), stages=()),
            ZtpurgeError("30 URLs would be purged, more than the 20 of max-urls", remedy="Raise it", place="max-urls"),
        ),
        "late at the origin": late(is_seen=True),
        "origin silent": late(is_seen=False),
        "edges disagree": disagreeing(),
        "came back old": came_back(),
        "purged again": purged_twice(),
        "not looked into": replace(purged(urls(3)), mapped=Mapped(skipped=(MOVED,))),
    }
    found = {name: describe(report) for name, report in reports.items()}
    found["refused"] = describe_refusal(["token: it is missing or empty. Pass a repository secret"])
    return {name: document | {"ztpurge": "1.0.0"} for name, document in found.items()}  # whatever the version is
