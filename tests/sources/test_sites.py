"""The inputs' site and those of the configuration are one list; what can never be meant is said at once."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from tests.tables import cases
from ztpurge.inputs import parse
from ztpurge.runner import Runner
from ztpurge.sources.sites import find_sites

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ztpurge.errors import ZtpurgeError
    from ztpurge.inputs import Inputs
    from ztpurge.site.mapping import Sites

BASE = "https://a.example/"
ADDRESS = (
    "Give the address that `root` is served under, as https://static.example.com/, or describe the sites in "
    ".ztpurge.yml (which takes a checkout)"
)
NO_BASE_URL = {"base-url": f"it is missing, so the changed files have no URLs. {ADDRESS}"}
NOTHING = {
    "base-url": f"it is missing, and so are `urls` and `dirs`: nothing would ever be purged. {ADDRESS}; where `urls` "
    "may be an empty list, write that as []"
}
FILE = f"version: 1\nsites:\n- {{root: public, urls: [{BASE}]}}\n"
RULES = f'version: 1\nrules:\n- {{match: "t/**", dirs: [{BASE}]}}\n'
IN_VAIN = (
    "it is given without `base-url`, so it is about no site. Write it for a site in .ztpurge.yml, or give `base-url`"
)
REPEATED = "'public/*.css' matches nothing, since patterns are over paths below `root`. Take 'public' off its beginning"


def find(workspace: Path, **values: str) -> tuple[Sites, dict[str, str]]:
    """Return the sites for inputs, given by their field names, and what is wrong with them by place."""
    given = {"token": "t"} | values
    environ = {f"INPUT_{name.replace('_', '-').upper()}": text for name, text in given.items()}
    runner = Runner({"GITHUB_WORKSPACE": str(workspace)}, io.StringIO())
    found: list[tuple[Sites, tuple[ZtpurgeError, ...]]] = []

    def check(inputs: Inputs, names: frozenset[str]) -> Iterator[ZtpurgeError]:
        found.append(find_sites(inputs, names, runner))
        return iter(())

    parse(environ, check=check)
    ((sites, problems),) = found
    return sites, {str(problem.place): str(problem) for problem in problems}


@cases("files values problems", {
    "a list without a site": ({}, {"files": "a.html"}, NO_BASE_URL),
    "a list in a file without a site": ({}, {"files_from": "list.txt"}, NO_BASE_URL),
    "a range without a site": ({}, {"since": "v1.0"}, NO_BASE_URL),
    "a manifest without a site": ({}, {"manifest": "m.json"}, NO_BASE_URL),
    "nothing": ({}, {}, NOTHING),
    "only a root": ({}, {"root": "public"}, NOTHING),
    "a dry run of nothing": ({}, {"dry_run": "true"}, NOTHING),
    "blank URLs": ({}, {"urls": " \n"}, NOTHING),
    "an empty list of URLs": ({}, {"urls": "[]"}, {}),
    "only URLs": ({}, {"urls": f"{BASE}x"}, {}),
    "only directories": ({}, {"dirs": f"{BASE}x/"}, {}),
    "a file": ({".ztpurge.yml": FILE}, {"files": "a.html"}, {}),
    "a file of another name": ({"cdn.yml": FILE}, {"config": "cdn.yml"}, {}),
    "a file that is turned off": ({".ztpurge.yml": FILE}, {"config": "none"}, NOTHING),
    "a file that is not there": ({}, {"config": "cdn.yml"},
        {"config": "there is no file 'cdn.yml'. Check the repository out, and write the file's path from its top"}),
    "a file outside": ({}, {"config": "../cdn.yml"},
        {"config": "'../cdn.yml' is outside the workspace. Name a file inside it"}),
    "a file that is too long": ({".ztpurge.yml": "#" * 1_050_000}, {},
        {"config": "'.ztpurge.yml' is longer than 1 MiB. Is it the right file?"}),
    "a file, and a site of the inputs": ({".ztpurge.yml": FILE}, {"base_url": BASE, "root": "x"}, {}),
    "a file, and half a site": ({".ztpurge.yml": FILE}, {"root": "x", "include": "*.css", "clean_urls": "true"},
        {"root": IN_VAIN, "include": IN_VAIN, "clean-urls": IN_VAIN}),
    "a file, and the defaults that a runner hands over": ({".ztpurge.yml": FILE},
        {"root": ".", "clean_urls": "false", "index_files": "index.html\nindex.htm"}, {}),
    "a file by another name": ({".ztpurge.yaml": FILE}, {"base_url": BASE}, {"config": (
        "there is a file .ztpurge.yaml, which is not read. Call it .ztpurge.yml, or name it in `config`")}),
    "a file by another name, which is named": ({".ztpurge.yaml": FILE}, {"config": ".ztpurge.yaml"}, {}),
    "rules and a manifest": ({".ztpurge.yml": RULES}, {"manifest": "m.json"},
        {"manifest": "there is no site, whose `root` it would be about. Give the build's output a site"}),
    "patterns from the top": ({"public/a": ""}, {"base_url": BASE, "root": "public", "include": "public/*.css"},
        {"include": REPEATED}),
    "patterns of a file from the top": (
        {"public/a": "", ".ztpurge.yml": FILE.replace("urls", "exclude: [public/*.css], urls")}, {},
        {"site 1 (.ztpurge.yml:3), exclude": REPEATED}),
    "patterns of a folder in a folder": ({"public/public/a": ""},
        {"base_url": BASE, "root": "public", "include": "public/*.css"}, {}),
})  # fmt: skip
def test_what_can_never_be_meant_is_refused(
    files: dict[str, str], values: dict[str, str], problems: dict[str, str], tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert find(tmp_path, **values)[1] == problems


def test_the_inputs_site_comes_first_and_every_problem_of_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / ".ztpurge.yml").write_text(FILE)
    sites, problems = find(tmp_path, base_url="https://b.example/", root="x", clean_urls="true")
    assert problems == {}
    assert [(site.name, site.root, site.clean_urls) for site in sites.sites] == [
        ("the inputs", "x", True),
        ("site 1 (.ztpurge.yml:3)", "public", False),
    ]
    (tmp_path / ".ztpurge.yml").write_text(FILE.replace("urls", "url") + "x: 1\n")
    sites, problems = find(tmp_path, base_url=BASE)
    assert not sites
    assert {place.rpartition(":")[0] for place in problems} == {".ztpurge.yml:3", ".ztpurge.yml:4"}
