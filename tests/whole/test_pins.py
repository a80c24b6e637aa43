"""Each `uses:` of workflows and pages names a commit with its version, the same everywhere, and runs on Node 24."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ztpurge import __version__

TOP = Path(__file__).resolve().parents[2]
PAGES = [TOP / "README.md", *sorted((TOP / "docs").glob("*.md"))]
WORKFLOWS = sorted((TOP / ".github/workflows").glob("*.yml"))
# the first major version whose action.yml says `using: node24`, read in each repository; runners have no Node 20 now
FIRST_ON_NODE_24 = {
    "actions/attest": 3,
    "actions/cache": 5,
    "actions/checkout": 5,
    "actions/setup-python": 6,
    "actions/upload-artifact": 6,
    "docker/build-push-action": 7,
    "docker/login-action": 4,
    "docker/setup-buildx-action": 4,
    "docker/setup-qemu-action": 4,
    "dorny/paths-filter": 4,
    "tj-actions/changed-files": 47,
}
OURS = "OWNER/ztpurge"
FOUND = [
    (f"{file.relative_to(TOP)}:{number}", line.partition("uses:")[2].strip())
    for file in (*WORKFLOWS, *PAGES)
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
    if re.match(r" *(- )?uses:", line)
]
OTHERS = [(place, used) for place, used in FOUND if not used.startswith((f"{OURS}@", "./"))]


def test_there_are_actions_to_look_at() -> None:
    assert {used.partition("@")[0] for _, used in FOUND} > {"actions/checkout", "docker/build-push-action", OURS}


@pytest.mark.parametrize(("place", "used"), OTHERS, ids=[place for place, _ in OTHERS])
def test_an_action_is_named_by_commit_with_its_version_and_runs_on_node_24(place: str, used: str) -> None:
    named = re.fullmatch(r"([\w-]+/[\w-]+)[\w/-]*@[0-9a-f]{40} # v(\d+)\.\d+\.\d+", used)
    assert named, place
    assert int(named[2]) >= FIRST_ON_NODE_24[named[1]], place


def test_what_a_release_is_built_with_is_named_by_digest() -> None:
    """The release reads these lines as its step `tools` does."""
    lines = (TOP / "image/tools.Dockerfile").read_text(encoding="utf-8").splitlines()
    named = [re.fullmatch(r"FROM \S+:\S+@sha256:[0-9a-f]{64} AS (\w+)", line) for line in lines if line[:1] != "#"]
    workflow = (TOP / ".github/workflows/release.yml").read_text(encoding="utf-8")
    used = re.findall(r"(?:image: |image=|generator=)\$\{\{ steps\.tools\.outputs\.(\w+) \}\}", workflow)
    assert sorted(tool[1] if tool else "" for tool in named) == sorted(used) == ["builder", "emulation", "sbom"]


def test_one_action_has_one_commit_everywhere() -> None:
    pins: dict[str, set[str]] = {}
    for _, used in OTHERS:
        name, _, pin = used.partition("@")
        pins.setdefault("/".join(name.split("/")[:2]), set()).add(pin)
    assert {name: found for name, found in pins.items() if len(found) > 1} == {}


def test_we_are_named_by_commit_with_the_version_that_this_is() -> None:
    ours = {used for _, used in FOUND if "/ztpurge@" in used}
    # a page cannot name the commit that it is part of: its place is held by what can never be one
    assert ours == {f"{OURS}@{'0' * 40} # v{__version__}"}
