"""What others made is named by commit, digest or hash, the same everywhere; actions run on Node 24."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ztpurge import __version__

TOP = Path(__file__).resolve().parents[2]
PAGES = [*sorted(TOP.glob("README*.md")), *sorted((TOP / "docs").glob("*.md"))]
WORKFLOWS = sorted([*(TOP / ".github/workflows").glob("*.yml"), *(TOP / "examples").glob("*.yml")])
# the first major version whose action.yml says `using: node24`, read in each repository; runners have no Node 20 now
FIRST_ON_NODE_24 = {
    "actions/attest": 3, "actions/cache": 5, "actions/checkout": 5, "actions/setup-python": 6,
    "actions/upload-artifact": 6, "docker/build-push-action": 7, "docker/login-action": 4,
    "docker/setup-buildx-action": 4, "docker/setup-qemu-action": 4, "dorny/paths-filter": 4,
    "tj-actions/changed-files": 47,
}  # fmt: skip
OURS = "OWNER/ztpurge"
FOUND = [
    (f"{file.relative_to(TOP)}:{number}", line.partition("uses:")[2].strip())
    for file in (*WORKFLOWS, *PAGES)
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
    if re.match(r" *(- )?uses:", line)
]
OTHERS = [(place, used) for place, used in FOUND if not used.startswith((f"{OURS}@", "./"))]


def read(name: str) -> str:
    return (TOP / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(("place", "used"), OTHERS, ids=[place for place, _ in OTHERS])
def test_an_action_is_named_by_commit_with_its_version_and_runs_on_node_24(place: str, used: str) -> None:
    named = re.fullmatch(r"([\w-]+/[\w-]+)[\w/-]*@[0-9a-f]{40} # v(\d+)\.\d+\.\d+", used)
    assert named, place
    assert int(named[2]) >= FIRST_ON_NODE_24[named[1]], place


def test_one_action_has_one_commit_everywhere_and_ours_the_version_that_this_is() -> None:
    pins: dict[str, set[str]] = {}
    for name, _, pin in (used.partition("@") for _, used in FOUND if "@" in used):
        pins.setdefault("/".join(name.split("/")[:2]), set()).add(pin)
    assert pins.keys() > {"actions/checkout", "docker/build-push-action"}
    assert {name: found for name, found in pins.items() if len(found) > 1} == {}
    # a page cannot name the commit that it is part of: its place is held by what can never be one
    ours = f"{'0' * 40} # v{__version__}"
    assert pins[OURS] == {ours}
    assert f" checkout --quiet {ours}\n" in read("examples/gitlab.yml")


def test_what_a_release_is_built_with_is_named_by_digest() -> None:
    """The release reads these lines as its step `tools` does."""
    lines = [line for line in read("image/tools.Dockerfile").splitlines() if line[:1] != "#"]
    named = [re.fullmatch(r"FROM \S+:\S+@sha256:[0-9a-f]{64} AS (\w+)", line) for line in lines]
    steps = r"(?:image: |image=|generator=)\$\{\{ steps\.tools\.outputs\.(\w+) \}\}"
    used = re.findall(steps, read(".github/workflows/release.yml"))
    assert sorted(tool[1] if tool else "" for tool in named) == sorted(used) == ["builder", "emulation", "sbom"]


def test_the_base_image_is_named_by_digest_where_dependabot_sees_it() -> None:
    (named,) = re.findall(r"^ARG PYTHON_IMAGE=(\S+@sha256:[0-9a-f]{64})$", read("Dockerfile"), re.MULTILINE)
    assert re.findall(r"^FROM (\S+)$", read("image/base.Dockerfile"), re.MULTILINE) == [named]
    assert set(re.findall(r"^FROM (\S+)", read("Dockerfile"), re.MULTILINE)) <= {"${PYTHON_IMAGE}", "scratch"}


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_requirements_are_pinned_with_hashes_and_name_no_index(name: str) -> None:
    text = read(name)
    pins = re.findall(r"^[a-zA-Z][^\n]*", text, re.MULTILINE)
    assert pins
    assert [pin for pin in pins if not re.fullmatch(r"\S+==\S+( ; [^\\]+)? \\", pin)] == []
    assert text.count("\n    --hash=sha256:") >= len(pins)
    assert not re.search(r"https?:|--index|--find-links|file:", text)
