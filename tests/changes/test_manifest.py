"""What was last purged is kept and read back exactly, and no file whose edge content is unknown counts as unchanged."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.tables import cases
from ztpurge.changes.contents import Content
from ztpurge.changes.manifest import Manifest, differing_files, parse_manifest, render_manifest, renew
from ztpurge.errors import ZtpurgeError
from ztpurge.site.mapping import Sites, served_as
from ztpurge.site.patterns import parse_patterns
from ztpurge.site.serving import Site

Kept = dict[str, Content | None]
ONE, TWO, THREE = (Content(letter * 64, size) for letter, size in (("1", 0), ("2", 20), ("3", 1 << 40)))


def document(files: dict[str, object] | None = None, **others: object) -> dict[str, object]:
    return {"ztpurge-manifest": 1, "run": 7, "attempt": 1, "served": "[]", "files": files or {}} | others


def refused(data: bytes) -> str:
    with pytest.raises(ZtpurgeError) as caught:
        parse_manifest(data)
    assert "Delete it" in caught.value.remedy
    assert caught.value.cause
    return str(caught.value)


def test_a_manifest_has_a_file_a_line() -> None:
    text = render_manifest(Manifest({"b": ONE, "a\n": TWO, "c": None}, "[]", 7, 1))
    assert text == (
        '{"ztpurge-manifest": 1, "run": 7, "attempt": 1, "served": "[]", "files": {\n'
        f'"a\\n": ["{"2" * 64}", 20],\n'
        f'"b": ["{"1" * 64}", 0],\n'
        '"c": null\n'
        "}}\n"
    )
    assert text.isascii()


D = "a" * 64
DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64)
CONTENTS = st.none() | st.builds(Content, DIGESTS, st.integers(0, 1 << 62))
BYTES = st.binary(min_size=1, max_size=8).filter(lambda name: not {*name} & {0, ord("/")} and name not in {b".", b".."})
ODD = st.sampled_from(["\u0085", "\u2028", "__proto__", "\U0001f600", '"', "\\", "caf\udce9", "%41", " ", "a\r\n"])
NAMES = BYTES.map(lambda name: name.decode("utf-8", "surrogateescape")) | ODD
FILES = st.dictionaries(st.lists(NAMES, min_size=1, max_size=3).map("/".join), CONTENTS, max_size=8)


@given(files=FILES, served=st.text(), run=st.integers(0, 10**9))
def test_what_is_kept_is_read_back(files: Kept, served: str, run: int) -> None:
    text = render_manifest(Manifest(files, served, run))
    assert parse_manifest(text.encode()) == Manifest(files, served, run)
    assert render_manifest(parse_manifest(text.encode())) == text
    assert len(text.splitlines()) == max(len(files), 1) + 2


@given(files=FILES.filter(bool), data=st.data())
def test_a_manifest_that_was_cut_off_is_refused(files: Kept, data: st.DataObject) -> None:
    whole = render_manifest(Manifest(files)).encode().rstrip()
    refused(whole[: data.draw(st.integers(0, len(whole) - 1))])


@given(st.binary(max_size=200))
@example(b"")
@example(b"[" * 100_000)
@example(b'{"ztpurge-manifest": 1, "files": ' + b'{"a":' * 100_000)
@example(b"<<<<<<< HEAD\n{}")
@example(b"null")
@example(b'{"a": ' + b"1" * 5000 + b"}")
@example(b'{"ztpurge-manifest": NaN}')
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    refused(data)


ODD_PARTS: dict[str, tuple[object, ...]] = {
    "ztpurge-manifest": (0, 2, "1", True, None), "run": ("7", 7.0, True, None, -999_999_999), "attempt": ("1", None),
    "served": (None, []), "files": (None, []),
}  # fmt: skip
ODD_ENTRIES: tuple[object, ...] = (
    {}, [], [D], [D, 1, 2], D, [D, -1], [D, "1"], [D, 1.0], [D, True], [D, False], [D, None], [None, 1],
    [D.upper(), 1], [D[1:], 1], [f"{D}\n", 1], ["g" * 64, 1], False, 0,
)  # fmt: skip
ODD_PATHS = ("/etc/passwd", "../a", "a/../../b", "a//b", "./a", "a/", "", "a\0b", "\ud800", "a" * 5000)


@pytest.mark.parametrize(
    "changed",
    [*({name: value} for name, values in ODD_PARTS.items() for value in values),
     *({"files": {"a": entry}} for entry in ODD_ENTRIES), *({"files": {path: [D, 1]}} for path in ODD_PATHS),
     {"files": {"a/../../b": None}}],
    ids=lambda changed: ascii(changed)[:60],
)  # fmt: skip
def test_a_manifest_with_an_odd_part_is_refused(changed: dict[str, object]) -> None:
    parse_manifest(json.dumps(document({"a": [D, 1]})).encode())
    refused(json.dumps(document() | changed).encode())


def test_a_manifest_may_hold_what_a_later_one_adds_but_lacks_nothing() -> None:
    assert parse_manifest(json.dumps(document(later=1)).encode()) == Manifest({}, "[]", 7, 1)
    for lacking in document():
        refused(json.dumps({name: value for name, value in document().items() if name != lacking}).encode())


def test_a_file_that_is_told_of_is_made_safe_to_show() -> None:
    said = refused(json.dumps(document({"##[error]\u202e\n" + "x" * 900: 1})).encode())
    assert said.isprintable()
    assert len(said) < 500


@cases("before now changed", {
    "nothing": ({}, {}, []), "the same": ({"a": ONE}, {"a": ONE}, []), "edited": ({"a": ONE}, {"a": TWO}, ["a"]),
    "another size": ({"a": Content(D, 1)}, {"a": Content(D, 2)}, ["a"]), "new": ({}, {"a": ONE}, ["a"]),
    "gone": ({"a": ONE}, {}, ["a"]), "unknown": ({"a": None}, {"a": ONE}, ["a"]),
    "unknown and gone": ({"a": None}, {}, ["a"]),
    "in the order of the paths": ({"c": ONE, "b": None}, {"c": TWO, "a": ONE}, ["a", "b", "c"]),
})  # fmt: skip
def test_what_differs_is_changed(before: Kept, now: dict[str, Content], changed: list[str]) -> None:
    assert differing_files(Manifest(before), now, is_trusted=True) == tuple(changed)


def test_without_trust_all_that_is_known_of_is_changed() -> None:
    before = Manifest({"same": ONE, "gone": TWO, "unknown": None})
    assert differing_files(before, {"same": ONE, "new": TWO}, is_trusted=False) == ("gone", "new", "same", "unknown")


@cases("purged skipped entries", {
    "all purged": (["edited", "new", "gone"], [], {"same": ONE, "edited": TWO, "new": THREE}),
    "none purged": ([], [], {"same": ONE, "edited": None, "new": None, "gone": None}),
    "some purged": (["edited"], [], {"same": ONE, "edited": TWO, "new": None, "gone": None}),
    "one under two URLs": (["gone", "gone"], [], {"same": ONE, "edited": None, "new": None}),
    "a link to nothing skipped": (["edited", "new", "gone"], ["link"], {"same": ONE, "edited": TWO, "new": THREE}),
    "a new one skipped": (["edited", "gone"], ["new"], {"same": ONE, "edited": TWO}),
})  # fmt: skip
def test_only_what_was_really_purged_is_renewed(purged: list[str], skipped: list[str], entries: Kept) -> None:
    before = Manifest({"same": ONE, "edited": ONE, "gone": ONE})
    now = {"same": ONE, "edited": TWO, "new": THREE}
    changed = differing_files(before, now, is_trusted=True)
    assert renew(before, now, changed=changed, purged=purged, skipped=skipped) == entries
    assert before.files == {"same": ONE, "edited": ONE, "gone": ONE}  # what was given is left as it is


def test_a_file_that_was_skipped_when_it_went_is_changed_once_it_is_not_skipped_any_more() -> None:
    before, now = Manifest({"a.map": ONE}), dict[str, Content]()
    changed = differing_files(before, now, is_trusted=True)
    after = Manifest(renew(before, now, changed=changed, purged=(), skipped=changed))
    assert differing_files(after, now, is_trusted=True) == ("a.map",)  # the edges were never told that it is gone


def test_files_that_are_always_skipped_do_not_fill_the_manifest() -> None:
    manifest = Manifest()
    for build in range(3):  # each with names of its own
        now = {f"main.{build}.map": ONE}
        changed = differing_files(manifest, now, is_trusted=True)
        manifest = Manifest(renew(manifest, now, changed=changed, purged=(), skipped=changed))
    assert len(manifest.files) <= 1


SITE = Site(base_urls=("https://a.example/",), root="dist", index_files=("index.html",))
TWO_BASES = replace(SITE, base_urls=(*SITE.base_urls, "https://b.example/"))


@cases("site other same", {
    "clean": (SITE, replace(SITE, clean_urls=True), False),
    "no index files": (SITE, replace(SITE, index_files=()), False),
    "another base": (SITE, replace(SITE, base_urls=("https://b.example/",)), False),
    "one more base": (SITE, TWO_BASES, False),
    "another order": (TWO_BASES, replace(SITE, base_urls=TWO_BASES.base_urls[::-1]), True),
    "another folder": (SITE, replace(SITE, root="build"), True),
    "other patterns": (SITE, replace(SITE, exclude=parse_patterns(("*.map",))), True),
    "a variant": (SITE, replace(SITE, variants=("", "?v=2")), False),
})  # fmt: skip
def test_another_way_to_make_urls_of_files_shows(site: Site, other: Site, same: bool) -> None:
    assert (served_as(Sites((other,))) == served_as(Sites((site,)))) is same


@cases("root to files", {
    "the same": ("a", "a", {"x": ONE, "b/y": None}),
    "one above": ("a", "", {"a/x": ONE, "a/b/y": None}),
    "one below": ("", "b", {"y": None}),
    "beside": ("a", "c", {}),
    "not kept": (None, "a", {"x": ONE, "b/y": None}),
})  # fmt: skip
def test_a_manifest_s_paths_mean_the_same_below_another_folder(root: str | None, to: str, files: Kept) -> None:
    kept = parse_manifest(render_manifest(Manifest({"x": ONE, "b/y": None}, root=root)).encode())
    assert kept.below(to) == Manifest(files, root=to)


PATHS = ("a", "b", "c")
SETS = st.sets(st.sampled_from(PATHS))


@dataclass
class World:
    """The origin, what the edges may hold of each path (None: that it is not there), and the manifest on the disk.

    `ours`: the paths that were to be purged at least once, and are not known to be gone from the edges since; a file
    that was excluded all its life is nobody's business.
    """

    deployed: dict[str, Content] = field(default_factory=dict)
    maybe: dict[str, set[Content | None]] = field(default_factory=lambda: {path: {None} for path in PATHS})
    manifest: Manifest = field(default_factory=Manifest)
    excluded: frozenset[str] = frozenset()
    ours: set[str] = field(default_factory=set)

    def deploy(self, build: dict[str, Content]) -> None:
        """From now on the edges may fetch the new content, or keep what they have."""
        self.deployed = build
        for path in PATHS:
            self.maybe[path].add(build.get(path))

    @property
    def changed(self) -> tuple[str, ...]:
        return differing_files(self.manifest, self.deployed, is_trusted=True)

    @property
    def stale(self) -> set[str]:
        return {path for path in self.ours if self.maybe[path] != {self.deployed.get(path)}}

    def run(self, *, reached: set[str], lost: set[str], ends: bool) -> None:
        """Purge what is `reached`; of what is `lost` nobody hears; a run that does not end is killed meanwhile."""
        before, changed = self.manifest, self.changed
        planned = {path for path in changed if path not in self.excluded}
        self.ours |= planned
        self.keep(before, changed, purged=set())
        for path in planned & (reached | lost):
            self.maybe[path] = {self.deployed.get(path)}
        if ends:
            self.keep(before, changed, purged=planned & (reached - lost))
            self.ours -= {path for path in planned & (reached - lost) if path not in self.deployed}

    def keep(self, before: Manifest, changed: tuple[str, ...], *, purged: set[str]) -> None:
        skipped = [path for path in changed if path in self.excluded]
        files = renew(before, self.deployed, changed=changed, purged=purged, skipped=skipped)
        self.manifest = parse_manifest(render_manifest(Manifest(files)).encode())


BUILDS = st.dictionaries(st.sampled_from(PATHS), st.sampled_from([ONE, TWO]))


class Deployments(RuleBasedStateMachine):
    """Deployments, failures, cancellations, reverts and patterns that come and go, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @rule(build=BUILDS, reached=SETS, lost=SETS, ends=st.booleans())
    def deploy_and_purge(self, build: dict[str, Content], reached: set[str], lost: set[str], ends: bool) -> None:
        self.world.deploy(build)
        self.world.run(reached=reached, lost=lost, ends=ends)

    @rule(reached=SETS)
    def run_again(self, reached: set[str]) -> None:
        self.world.run(reached=reached, lost=set(), ends=True)

    @rule()
    def purge_all_that_is_left(self) -> None:
        self.world.run(reached=set(PATHS), lost=set(), ends=True)
        assert {*self.world.changed} <= self.world.excluded  # what was purged is not purged again

    @rule(excluded=SETS)
    def exclude(self, excluded: set[str]) -> None:
        self.world.excluded = frozenset(excluded)

    @invariant()
    def no_file_that_may_be_stale_counts_as_unchanged(self) -> None:
        assert self.world.stale <= {*self.world.changed}


class DeploymentsOfAllFiles(Deployments):
    """Deployments where nothing is ever excluded."""

    exclude = None  # type: ignore[assignment]


TestDeployments = Deployments.TestCase
TestDeployments.settings = settings(max_examples=120, stateful_step_count=12)
TestDeploymentsOfAllFiles = DeploymentsOfAllFiles.TestCase
TestDeploymentsOfAllFiles.settings = TestDeployments.settings
