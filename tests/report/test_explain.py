"""A dry run tells for each URL which change it is for, for each change what it gives, and what gave nothing."""

from __future__ import annotations

from ztpurge.cdn.fold import Fold
from ztpurge.cdn.plan import Plan
from ztpurge.changes.paths import Change
from ztpurge.report.explain import explain_entries, explain_files, explain_idle, explain_paths
from ztpurge.site.mapping import Sites, map_changes
from ztpurge.site.rules import Rule, parse_match, parse_template
from ztpurge.site.serving import Site

A = "https://a.example/"
TOP = parse_template(A, [], is_directory=True)
RULE = Rule(parse_match("t/**"), (), (TOP,), "rule 1")
GAMES = Rule(parse_match("games/{game}/*.zip"), (), (TOP,), "rule 2")
SITES = Sites(
    (Site(base_urls=(A,), root="p", name="site 1"), Site(base_urls=(A,), root="q", name="site 2")), (RULE, GAMES)
)
CHANGES = [Change(path) for path in ("p/1", "t/1", "t/2", "t/3", "t/4", "games/chess/a.txt", "src/x")]
MAPPED = map_changes(SITES, CHANGES, [f"{A}given"])


def test_each_changed_file_is_named_with_what_it_gives() -> None:
    targets = map_changes(SITES, CHANGES[:2]).targets
    lines = ["p/1", f"  -> {A}1  by site 1", "t/1", f"  -> {A}  by rule 1"]
    assert [explain_files(targets, most=most) for most in range(6)] == [lines[:most] for most in range(6)]


def test_what_a_file_gives_stands_together() -> None:
    first, other = map_changes(SITES, CHANGES[:2]).targets
    assert explain_files((first, other, first), most=3) == ["p/1", *[f"  -> {A}1  by site 1"] * 2]


def test_each_url_is_named_with_the_changes_that_it_is_for() -> None:
    why = explain_entries(MAPPED, Plan(folds=(Fold(f"{A}x/", 3, None),)))
    assert why("urls", f"{A}1") == "for p/1, by site 1"
    assert why("dirs", A) == "for t/1, by rule 1; t/2, by rule 1; t/3, by rule 1 and 1 more"
    assert why("urls", f"{A}given") == "which was given in `urls`"
    assert why("dirs", f"{A}given/") == "which was given in `dirs`"
    assert why("dirs", f"{A}x/") == "for 3 entries below it, to keep within max-requests"


def test_what_gave_nothing_is_named_with_the_path_that_came_nearest() -> None:
    nearest = "`games/{game}/*.zip` takes `*.zip` after `games/chess/`, and the path has `a.txt` there"
    assert list(explain_idle(SITES, MAPPED)) == [
        "site 2: purges none of what changed",
        f"rule 2: purges none of what changed; {nearest}",
    ]
    assert list(explain_idle(SITES, map_changes(SITES, []))) == []


def test_of_one_path_every_site_and_rule_is_heard() -> None:
    assert list(explain_paths(SITES, ["t/1"], MAPPED)) == [
        "t/1",
        "  site 1: nothing, outside root p",
        "  site 2: nothing, outside root q",
        "  rule 1:",
        f"    -> {A} (directory)",
        "  rule 2: nothing, `games/{game}/*.zip` takes `games/{game}/*.zip` at the top, and the path has `t/1` there",
    ]
