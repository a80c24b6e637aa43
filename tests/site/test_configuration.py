"""The configuration is read as its schema describes it, and everything wrong with it is told at once, where it stands.

Each file under `configurations/invalid` ends in what is said of it.
"""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from tests.tables import cases
from ztpurge.errors import InvalidInputs, ZtpurgeError
from ztpurge.site.configuration import parse_configuration
from ztpurge.site.mapping import Sites
from ztpurge.site.patterns import parse_patterns
from ztpurge.site.rules import Rule, parse_match, parse_template
from ztpurge.site.serving import INDEX_FILES, Site

TOP = Path(__file__).resolve().parents[2]
FILES = Path(__file__).parent / "configurations"
SCHEMA = json.loads((TOP / "ztpurge.schema.json").read_text(encoding="utf-8"))
SCHEMA_OF = {"the file": SCHEMA, "a site": SCHEMA["definitions"]["site"], "a rule": SCHEMA["definitions"]["rule"]}
IS_VALID = Draft7Validator(SCHEMA).is_valid
ANOTHER = "this version of ztpurge reads version 1, and this is"
WRITE_VERSION = "Write `version: 1`, or use the release of ztpurge that the file was written for"
ONE_LINE = "Write one line of text, and of several entries a list"
SITE_KEYS = "The keys are root, urls, include, exclude, index-files, clean-urls, variants, origin, edges, project-id"
ONE_SITE = "version: 1\nsites:\n  - urls: https://a.example/\n    "
WRITE_SOMETHING = "List `sites`, each with its `root` and `urls`, or `rules`, each with `match` and `urls` or `dirs`"
EDGES = ("192.0.2.1", "2001:db8::1", "edge-2.example.net")
PAGES = parse_patterns(("*.html", "!draft-*"))


def parse(text: str | bytes) -> Sites:
    return parse_configuration(text if isinstance(text, bytes) else text.encode(), "c.yml")


def problems_of(text: str | bytes) -> list[str]:
    with pytest.raises(InvalidInputs) as caught:
        parse(text)
    return [f"{problem.place}: {problem}" for problem in caught.value.problems]


def rule(match: str, *, urls: tuple[str, ...] = (), dirs: tuple[str, ...] = (), name: str) -> Rule:
    parsed = parse_match(match)
    return Rule(
        parsed,
        tuple(parse_template(url, parsed.names, is_directory=False) for url in urls),
        tuple(parse_template(url, parsed.names, is_directory=True) for url in dirs),
        name,
    )


@cases("name sites rules", {
    "the example of the documents": (
        "sites.yml",
        [
            Site(base_urls=("https://static.example.com/", "http://static.example.com/"), root="public",
                 exclude=parse_patterns(("**/*.map",)), index_files=INDEX_FILES, name="site 1 (c.yml:4)"),
            Site(base_urls=("https://dl.example.com/pkg/",), root="packages", variants=("", "?v=2"),
                 name="site 2 (c.yml:7)"),
        ],
        [
            rule("content/posts/{slug}.md", urls=("https://www.example.com/posts/{slug}/",), name="rule 1 (c.yml:12)"),
            rule("templates/**", dirs=("https://www.example.com/",), name="rule 2 (c.yml:14)"),
            rule("games/{game}/{version}/{rest:**}", urls=("https://dl.example.com/{game}/latest/{rest}",),
                 name="rule 3 (c.yml:16)"),
        ],
    ),
    "every key": (
        "every-key.yml",
        [
            Site(base_urls=("https://docs.example.com/", "https://static.example.com/docs/"), root="docs/2024",
                 include=PAGES, exclude=parse_patterns(("404.html",)), index_files=("index.html", "default.htm"),
                 clean_urls=True, variants=("", "?v=%C3%A4"), origin="http://192.0.2.10:8080/docs/", edges=EDGES,
                 project_id="0815", name="site 1 (c.yml:4)"),
            Site(base_urls=("https://docs.example.com/2025/",), root="2025", include=PAGES, index_files=INDEX_FILES,
                 edges=EDGES, project_id="0815", name="site 2 (c.yml:19)"),
        ],
        [rule("docs/{name}.md", urls=("https://docs.example.com/{name}",), dirs=("https://docs.example.com/{name}/",),
              name="rule 1 (c.yml:25)")],
    ),
    "rules alone": ("rules.yml", [], [rule("**", dirs=("https://www.example.com/",), name="rule 1 (c.yml:5)")]),
})  # fmt: skip
def test_a_file_says_how_files_are_served(name: str, sites: list[Site], rules: list[Rule]) -> None:
    assert parse((FILES / "valid" / name).read_bytes()) == Sites(tuple(sites), tuple(rules))


@cases("text key value", {
    "no root": ("root: .", "root", ""), "an empty root": ('root: ""', "root", ""),
    "a number as it is spelled": ("root: 1.10", "root", "1.10"), "no octal": ("root: 010", "root", "010"),
    "a text in quotes": ('root: "true"', "root", "true"), "no boolean of YAML 1.2": ("root: on", "root", "on"),
    "no index files": ("index-files: none", "index_files", ()),
    "no index files, listed": ("index-files: []", "index_files", ()),
    "an index file": ("index-files: a.php", "index_files", ("a.php",)),
    "nothing excluded": ("exclude: []", "exclude", None),
    "a pattern twice, which counts": ("include: [a, '!a', a]", "include", parse_patterns(("a", "!a", "a"))),
    **{text: (f"clean-urls: {text}", "clean_urls", True) for text in ("true", "True", "TRUE")},
    **{text: (f"clean-urls: {text}", "clean_urls", False) for text in ("false", "False", "FALSE")},
    "a variant": ("variants: ?a=b", "variants", ("?a=b",)), "a bare query": ("variants: ['?']", "variants", ("?",)),
    "a project": ("project-id: a_b-1", "project_id", "a_b-1"),
    "an origin": ("origin: https://192.0.2.1", "origin", "https://192.0.2.1/"),
    "an origin of version 6": ("origin: 'http://[2001:db8::1]:8080/'", "origin", "http://[2001:db8::1]:8080/"),
    **{text: (f"edges: {text}", "edges", (text,)) for text in ("all", "one", "192.0.2.1", "edge", "a_b.example")},
    "an edge twice": ("edges: [A.example, a.example]", "edges", ("a.example",)),
})  # fmt: skip
def test_a_value_is_read_as_the_input_of_its_name(text: str, key: str, value: object) -> None:
    (site,) = parse(ONE_SITE + text).sites
    assert getattr(site, key) == value


@pytest.mark.parametrize("path", sorted((FILES / "invalid").iterdir()), ids=lambda path: path.stem)
def test_everything_wrong_is_told_at_once(path: Path) -> None:
    body, _, told = path.read_text(encoding="utf-8").partition("\n\n# ")
    assert problems_of(body + "\n") == [f"c.yml:{line}" for line in told.rstrip("\n").split("\n# ")]


@cases("text problem", {
    "nothing": ("# version: 1\n", f"1:1: the file holds nothing. Begin with `version: 1`. {WRITE_SOMETHING}"),
    "a list": ("- a", f"1:1: the file holds a list. Begin with `version: 1`. {WRITE_SOMETHING}"),
    "a text": ("urls", f"1:1: the file holds 'urls'. Begin with `version: 1`. {WRITE_SOMETHING}"),
    "a version alone": ("version: 1", f"1:1: it describes no site and no rule. {WRITE_SOMETHING}"),
    "empty lists": ("version: 1\nsites: []\nrules: []", f"1:1: it describes no site and no rule. {WRITE_SOMETHING}"),
    "no version": (
        "sites: [urls: https://a.example/]", "1:1: the file lacks its `version`. The keys are version, sites, rules",
    ),
    "another version": ("version: 2\nservers: []", f"1:10: {ANOTHER} '2'. {WRITE_VERSION}"),
    "a version with a point": ("version: 1.0", f"1:10: {ANOTHER} '1.0'. {WRITE_VERSION}"),
    "a version in quotes": ("version: '1'", f"1:10: {ANOTHER} '1' in quotes. {WRITE_VERSION}"),
    "a version that is left out": ("version:", f"1:9: {ANOTHER} nothing. {WRITE_VERSION}"),
    "a key that is no text": (ONE_SITE + "[root]: a", f"4:5: there is no key that is a list in a site. {SITE_KEYS}"),
    "no YAML": (
        "version: 1\nsites: [", "2:9: this does not fit what stands before it. Check indentation, brackets and quotes",
    ),
    "a list with a wrong entry, twice": (
        ONE_SITE + "exclude: &a ['[']\n  - urls: https://b.example/\n    exclude: *a",
        r"4:18: `[` can match no file: a `[` in it is never closed. Close it, or write `\[` for the character",
    ),
    "a site twice": (
        "version: 1\nsites: [&a {urls: https://a.example/}, *a]",
        "2:19: the same files are served at 'https://a.example/' by site 1 (c.yml:2). Take one of them out",
    ),
    "1,001 rules": (
        "version: 1\nrules:\n" + "- {match: a, dirs: https://a.example/}\n" * 1001,
        "1003:3: `rules` has more than 1,000 entries. Join some: patterns help",
    ),
    "half a character": (
        ONE_SITE + r'root: "\ud800"',
        rf"4:11: '\ud800' holds a line's end or a control character. {ONE_LINE}",
    ),
})  # fmt: skip
def test_a_file_that_cannot_be_read_further_has_one_problem(text: str, problem: str) -> None:
    assert problems_of(text) == [f"c.yml:{problem}"]


def test_a_hundred_problems_are_enough() -> None:
    told = problems_of(ONE_SITE + "".join(f"k{number}: a\n    " for number in range(9_000)))
    assert (len(told), told[-1][:40]) == (100, "c.yml:103:5: there is no key 'k99' in a ")


@cases("text what", {
    "the file": ("k: 1\nversion: 1", "the file"), "a site": (ONE_SITE + "k: 1", "a site"),
    "a rule": ("version: 1\nrules: [{k: 1, match: a, dirs: https://a.example/}]", "a rule"),
})  # fmt: skip
def test_the_schema_has_the_keys_that_are_read(text: str, what: str) -> None:
    (problem,) = problems_of(text)
    keys = ", ".join(SCHEMA_OF[what]["properties"])
    assert problem.endswith(f"there is no key 'k' in {what}. The keys are {keys}")


@pytest.mark.parametrize("path", sorted(FILES.glob("*/*.yml")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_schema_judges_what_a_schema_can(path: Path) -> None:
    document = yaml.safe_load(path.read_bytes())
    assert IS_VALID(document) == (path.parent.name == "valid" or path.stem == "sites-at-odds")


TEXTS = st.sampled_from(
    ["a", "a/{b}", "*.css", "?v=1", "", "index.html", "https://a.example/", "https://a.example/{b}"]
)
BASES = st.sampled_from(["https://a.example/", "http://b.example:8080/c"])
NAMES = st.sampled_from(["a", "b.html", "2024", 2024, 1.5])


def some(texts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return texts | st.lists(texts, min_size=1, max_size=3)


SITES = st.fixed_dictionaries(
    {"urls": some(BASES)},
    optional={
        "root": NAMES, "include": some(NAMES), "exclude": some(NAMES), "index-files": some(NAMES) | st.just("none"),
        "clean-urls": st.booleans(), "variants": some(st.sampled_from(["", "?", "?v=2"])), "project-id": st.just(2024),
    },
)  # fmt: skip
RULES = st.fixed_dictionaries(
    {"match": st.just("a/{b}"), "dirs": some(st.just("https://a.example/{b}"))}, optional={"urls": some(BASES)}
)
DOCUMENTS = st.fixed_dictionaries({"version": st.just(1), "rules": st.lists(RULES, min_size=1, max_size=2)}) | (
    st.fixed_dictionaries({"version": st.just(1), "sites": SITES.map(lambda site: [site])})
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | TEXTS | NAMES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)


@st.composite
def disturbed(draw: st.DrawFn) -> dict[str, Any]:
    """Return a document in which one value, at any level, is another, too much, or not there."""
    document: dict[str, Any] = deepcopy(draw(DOCUMENTS))
    entries = [entry for key in ("sites", "rules") for entry in document.get(key, [])]
    mapping = draw(st.sampled_from([document, *entries]))
    what = SCHEMA if mapping is document else SCHEMA_OF["a site" if "sites" in document else "a rule"]
    key = draw(st.sampled_from([*what["properties"], "x-a"]))
    if draw(st.booleans()):
        mapping[key] = draw(ANYTHING)
    else:
        mapping.pop(key, None)
    return document


@given(DOCUMENTS)
def test_what_the_schema_describes_can_be_read(document: dict[str, Any]) -> None:
    sites = parse(json.dumps(document))
    assert len(sites.sites + sites.rules) == len(document.get("sites", []) + document.get("rules", []))
    assert IS_VALID(document)


@given(disturbed())
def test_what_the_schema_refuses_cannot_be_read(document: dict[str, Any]) -> None:
    try:
        parse(json.dumps(document))
    except InvalidInputs:
        return
    assert IS_VALID(document)


PARTS = st.sampled_from([
    "version: 1", "sites:", "rules:", "  - urls: ", "    root: ", "    exclude: ", "  - match: ", "    dirs: ", "\n",
    "https://a.example/", "{b}", "[", "]", "&a ", "*a", "!a", '"', "- ", "\\", ", ", "none", "~", "\t", "?", "\0", "é",
])  # fmt: skip


@given(st.binary() | st.lists(PARTS).map("".join).map(str.encode))
def test_any_bytes_are_sites_or_problems_that_stand_in_the_file(data: bytes) -> None:
    problems: tuple[ZtpurgeError, ...] = ()
    try:
        is_read = bool(parse(data))
    except InvalidInputs as error:
        is_read, problems = False, error.problems
    assert is_read != bool(problems)
    assert all(problem.position and problem.position.file == "c.yml" for problem in problems)


def test_a_file_has_not_more_urls_than_anybody_means() -> None:
    urls, variants = ([f"https://a.example/{number}/" for number in range(40)], [f"?{number}" for number in range(26)])
    document = {"version": 1, "sites": [{"urls": urls, "variants": variants}]}
    with pytest.raises(InvalidInputs, match="each file has 40 times 26 URLs, more than 1,000"):
        parse_configuration(json.dumps(document).encode(), "c.yml")
