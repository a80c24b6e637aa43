"""What was last purged is kept and read back exactly, and no file whose edge content is unknown counts as unchanged."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ztpurge.changes.contents import Content
from ztpurge.changes.manifest import Manifest, differing_files, parse_manifest, render_manifest, renew
from ztpurge.errors import ZtpurgeError
from ztpurge.site.mapping import Site, served_as
from ztpurge.site.patterns import parse_patterns

ONE, TWO, THREE = (Content(letter * 64, size) for letter, size in (("1", 0), ("2", 20), ("3", 1 << 40)))


def document(files: object = None, **others: object) -> dict[str, object]:
    return {
        "ztpurge-manifest": 1,
        "run": 7,
        "attempt": 1,
        "served": "[]",
        "files": {} if files is None else files,
    } | others


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


def test_a_manifest_of_nothing_is_one() -> None:
    assert parse_manifest(render_manifest(Manifest()).encode()) == Manifest()


DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64)
CONTENTS = st.none() | st.builds(Content, DIGESTS, st.integers(0, 1 << 62))
BYTES = st.binary(min_size=1, max_size=8).filter(lambda name: not {*name} & {0, ord("/")} and name not in {b".", b".."})
ODD = st.sampled_from(["\u0085", "\u2028", "__proto__", "\U0001f600", '"', "\\", "caf\udce9", "%41", " ", "a\r\n"])
NAMES = BYTES.map(lambda name: name.decode("utf-8", "surrogateescape")) | ODD
FILES = st.dictionaries(st.lists(NAMES, min_size=1, max_size=3).map("/".join), CONTENTS, max_size=8)


@given(files=FILES, served=st.text(), run=st.integers(0, 10**9))
def test_what_is_kept_is_read_back(files: dict[str, Content | None], served: str, run: int) -> None:
    text = render_manifest(Manifest(files, served, run))
    assert parse_manifest(text.encode()) == Manifest(files, served, run)
    assert render_manifest(parse_manifest(text.encode())) == text
    assert len(text.splitlines()) == max(len(files), 1) + 2


@given(files=FILES.filter(bool), data=st.data())
def test_a_manifest_that_was_cut_off_is_refused(files: dict[str, Content | None], data: st.DataObject) -> None:
    whole = render_manifest(Manifest(files)).encode().rstrip()
    refused(whole[: data.draw(st.integers(0, len(whole) - 1))])


@given(st.binary(max_size=200))
def test_bytes_that_are_no_manifest_are_refused(data: bytes) -> None:
    refused(data)


D = "a" * 64


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="half"),
        pytest.param(b"\xff{}", id="not UTF-8"),
        pytest.param(b"[" * 100_000, id="deep nesting"),
        pytest.param(b'{"ztpurge-manifest": 1, "files": ' + b'{"a":' * 100_000, id="deep objects"),
        pytest.param(b"<<<<<<< HEAD\n{}", id="a merge conflict"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"1", id="a number"),
        pytest.param(b'{"a": ' + b"1" * 5000 + b"}", id="a number too long"),
        pytest.param(b'{"ztpurge-manifest": NaN}', id="not a number"),
    ],
)
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    refused(data)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"ztpurge-manifest": 2}, id="a later version"),
        pytest.param({"ztpurge-manifest": "1"}, id="a version in words"),
        pytest.param({"ztpurge-manifest": True}, id="true for a version"),
        pytest.param({"ztpurge-manifest": None}, id="no version"),
        pytest.param({"run": "7"}, id="a run in words"),
        pytest.param({"run": 7.0}, id="a run with a fraction"),
        pytest.param({"run": True}, id="true for a run"),
        pytest.param({"run": None}, id="no run"),
        pytest.param({"run": -999_999_999}, id="a run before the first"),
        pytest.param({"attempt": "1"}, id="an attempt in words"),
        pytest.param({"served": None}, id="not told how served"),
        pytest.param({"served": []}, id="served as a list"),
        pytest.param({"files": None}, id="no files"),
        pytest.param({"files": []}, id="a list of files"),
        pytest.param({"files": {"a": {}}}, id="an object for a file"),
        pytest.param({"files": {"a": []}}, id="an empty list for a file"),
        pytest.param({"files": {"a": [D]}}, id="no size"),
        pytest.param({"files": {"a": [D, 1, 2]}}, id="too much"),
        pytest.param({"files": {"a": D}}, id="a digest alone"),
        pytest.param({"files": {"a": [D, -1]}}, id="a negative size"),
        pytest.param({"files": {"a": [D, "1"]}}, id="a size in words"),
        pytest.param({"files": {"a": [D, 1.0]}}, id="a size with a fraction"),
        pytest.param({"files": {"a": [D, True]}}, id="true for a size"),
        pytest.param({"files": {"a": [D, False]}}, id="false for a size"),
        pytest.param({"files": {"a": [D, None]}}, id="null for a size"),
        pytest.param({"files": {"a": [None, 1]}}, id="null for a digest"),
        pytest.param({"files": {"a": [D.upper(), 1]}}, id="an upper-case digest"),
        pytest.param({"files": {"a": [D[1:], 1]}}, id="a short digest"),
        pytest.param({"files": {"a": [D + "\n", 1]}}, id="a digest and a line's end"),
        pytest.param({"files": {"a": ["g" * 64, 1]}}, id="not a digest"),
        pytest.param({"files": {"a": False}}, id="false for a file"),
        pytest.param({"files": {"a": 0}}, id="zero for a file"),
        pytest.param({"files": {"/etc/passwd": [D, 1]}}, id="an absolute path"),
        pytest.param({"files": {"../a": [D, 1]}}, id="a path that climbs"),
        pytest.param({"files": {"a/../../b": None}}, id="a path that climbs further in"),
        pytest.param({"files": {"a//b": [D, 1]}}, id="a doubled slash"),
        pytest.param({"files": {"./a": [D, 1]}}, id="a path from here"),
        pytest.param({"files": {"a/": [D, 1]}}, id="a folder"),
        pytest.param({"files": {"": [D, 1]}}, id="an empty path"),
        pytest.param({"files": {"a\0b": [D, 1]}}, id="a NUL"),
        pytest.param({"files": {"\ud800": [D, 1]}}, id="half a character"),
        pytest.param({"files": {"a" * 5000: [D, 1]}}, id="a path too long"),
    ],
)
def test_a_manifest_with_an_odd_part_is_refused(changed: dict[str, object]) -> None:
    parse_manifest(json.dumps(document({"a": [D, 1]})).encode())
    refused(json.dumps(document() | changed).encode())


@pytest.mark.parametrize("lacking", ["ztpurge-manifest", "run", "attempt", "served", "files"])
def test_a_manifest_that_lacks_a_part_is_refused(lacking: str) -> None:
    refused(json.dumps({name: value for name, value in document().items() if name != lacking}).encode())


def test_a_file_that_is_told_of_is_made_safe_to_show() -> None:
    said = refused(json.dumps(document({"##[error]\u202e\n" + "x" * 900: 1})).encode())
    assert said.isprintable()
    assert len(said) < 500


def test_a_manifest_may_hold_what_a_later_one_adds() -> None:
    assert parse_manifest(json.dumps(document(later=1)).encode()) == Manifest({}, "[]", 7, 1)


@pytest.mark.parametrize(
    ("before", "now", "changed"),
    [
        pytest.param({}, {}, [], id="nothing"),
        pytest.param({"a": ONE}, {"a": ONE}, [], id="the same"),
        pytest.param({"a": ONE}, {"a": TWO}, ["a"], id="edited"),
        pytest.param({"a": Content(D, 1)}, {"a": Content(D, 2)}, ["a"], id="another size"),
        pytest.param({}, {"a": ONE}, ["a"], id="new"),
        pytest.param({"a": ONE}, {}, ["a"], id="gone"),
        pytest.param({"a": None}, {"a": ONE}, ["a"], id="unknown"),
        pytest.param({"a": None}, {}, ["a"], id="unknown and gone"),
        pytest.param({"c": ONE, "b": None}, {"c": TWO, "a": ONE}, ["a", "b", "c"], id="in the order of the paths"),
    ],
)
def test_what_differs_is_changed(
    before: dict[str, Content | None], now: dict[str, Content], changed: list[str]
) -> None:
    assert differing_files(Manifest(before), now, is_trusted=True) == tuple(changed)


def test_without_trust_all_that_is_known_of_is_changed() -> None:
    before = Manifest({"same": ONE, "gone": TWO, "unknown": None})
    assert differing_files(before, {"same": ONE, "new": TWO}, is_trusted=False) == ("gone", "new", "same", "unknown")


@pytest.mark.parametrize(
    ("purged", "skipped", "entries"),
    [
        pytest.param(["edited", "new", "gone"], [], {"same": ONE, "edited": TWO, "new": THREE}, id="all purged"),
        pytest.param([], [], {"same": ONE, "edited": None, "new": None, "gone": None}, id="none purged"),
        pytest.param(["edited"], [], {"same": ONE, "edited": TWO, "new": None, "gone": None}, id="some purged"),
        pytest.param(["gone", "gone"], [], {"same": ONE, "edited": None, "new": None}, id="one under two URLs"),
        pytest.param(["edited", "gone"], ["new"], {"same": ONE, "edited": TWO}, id="a new one skipped"),
    ],
)
def test_only_what_was_really_purged_is_renewed(
    purged: list[str], skipped: list[str], entries: dict[str, Content | None]
) -> None:
    before = Manifest({"same": ONE, "edited": ONE, "gone": ONE})
    now = {"same": ONE, "edited": TWO, "new": THREE}
    changed = differing_files(before, now, is_trusted=True)
    assert renew(before, now, changed=changed, purged=purged, skipped=skipped) == entries


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


def test_what_was_there_before_is_left_as_it_is() -> None:
    files: dict[str, Content | None] = {"a": ONE}
    renew(Manifest(files), {"a": TWO, "b": ONE}, changed=("a", "b"), purged=("b",), skipped=())
    assert files == {"a": ONE}


SITE = Site(base_urls=("https://a.example/",), root="dist", index_files=("index.html",))


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param(SITE, True, id="the same"),
        pytest.param(
            Site(base_urls=SITE.base_urls, root="dist", index_files=SITE.index_files, clean_urls=True),
            False,
            id="clean",
        ),
        pytest.param(Site(base_urls=SITE.base_urls, root="dist"), False, id="no index files"),
        pytest.param(
            Site(base_urls=("https://b.example/",), root="dist", index_files=SITE.index_files), False, id="another base"
        ),
        pytest.param(
            Site(base_urls=(*SITE.base_urls, "https://b.example/"), root="dist", index_files=SITE.index_files),
            False,
            id="one more base",
        ),
        pytest.param(
            Site(base_urls=SITE.base_urls, root="build", index_files=SITE.index_files), True, id="another folder"
        ),
        pytest.param(
            Site(
                base_urls=SITE.base_urls,
                root="dist",
                index_files=SITE.index_files,
                exclude=parse_patterns(("*.map",)),
            ),
            True,
            id="other patterns",
        ),
    ],
)
def test_another_way_to_make_urls_of_files_shows(other: Site, same: bool) -> None:
    assert (served_as(other) == served_as(SITE)) is same


def test_the_order_of_base_urls_is_no_other_way() -> None:
    one, two = "https://a.example/", "https://b.example/"
    assert served_as(Site(base_urls=(one, two))) == served_as(Site(base_urls=(two, one)))


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
    """The same where nothing is ever excluded."""

    exclude = None  # type: ignore[assignment]


TestDeployments = Deployments.TestCase
TestDeployments.settings = settings(max_examples=200, stateful_step_count=12)
TestDeploymentsOfAllFiles = DeploymentsOfAllFiles.TestCase
TestDeploymentsOfAllFiles.settings = TestDeployments.settings
