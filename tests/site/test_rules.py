"""A rule gives a path that matches its pattern URLs and directories, and takes no path or pattern for another."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tables import cases
from ztpurge.errors import ZtpurgeError
from ztpurge.site.rules import Rule, parse_match, parse_template
from ztpurge.site.urls import parse_directory, parse_url

HOST = "https://a.example/"


def rule_of(match: str, urls: tuple[str, ...] = (), dirs: tuple[str, ...] = ()) -> Rule:
    pattern = parse_match(match)
    return Rule(
        pattern,
        urls=tuple(parse_template(HOST + url, pattern.names, is_directory=False) for url in urls),
        dirs=tuple(parse_template(HOST + url, pattern.names, is_directory=True) for url in dirs),
        name="rules[0]",
    )


# fmt: off
CAPTURED = {
    "as it is": ("a/b.css", "a/b.css", {}),
    "from the top on": ("/a.css", "a.css", {}),
    "a whole segment": ("{a}/b", "x/b", {"a": "x"}),
    "a part of a segment": ("p/{year}-{slug}.md", "p/2024-a-b.md", {"year": "2024", "slug": "a-b"}),
    "the last part takes the rest": ("{a}.{b}", "x.min.js", {"a": "x", "b": "min.js"}),
    "up to what ends the segment": ("{a}.js", "x.js.js", {"a": "x.js"}),
    "no slash in a part": ("{a}.css", "x/y.css", None),
    "no empty part": ("x{a}", "x", None),
    "nor one between": ("{a}-{b}", "--", None),
    "but as much as it needs": ("{a}-{b}", "---", {"a": "-", "b": "-"}),
    "an asterisk may be empty": ("x*.css", "x.css", {}),
    "an asterisk, then a capture": ("*-{b}", "a-b-c", {"b": "b-c"}),
    "any folders, none": ("{f:**}/x", "x", {"f": ""}),
    "any folders": ("a/{f:**}/x", "a/b/c/x", {"f": "b/c"}),
    "up to the first place where the rest fits": ("{f:**}/x/**/x", "x/x/x/x", {"f": ""}),
    "a last place that is bound to the end": ("{f:**}/x", "x/x/x", {"f": "x/x"}),
    "everything below": ("g/{rest:**}", "g/a/b", {"rest": "a/b"}),
    "not the folder itself": ("g/{rest:**}", "g", None),
    "nor one that begins so": ("g/**", "gg/a", None),
    "everything": ("**", "a", {}),
    "asterisks twice": ("**/**", "a/b", {}),
    "asterisks in between": ("a/**/b", "a/b", {}),
    "no path that begins so": ("a/b", "a/b/c", None),
    "no path that ends so": ("b", "a/b", None),
    "nor in another case": ("A", "a", None),
    "nor composed otherwise": ("\u00e9", "e\u0301", None),
    "a line break at the end": ("{a}.md", "a.md\n", None),
    "a line break within": ("{a}.md", "a\nb.md", {"a": "a\nb"}),
    "bytes that are not UTF-8": ("{a}/caf\udce9", "\udcff/caf\udce9", {"a": "\udcff"}),
    "characters for themselves": (r"\{a\}\*\?\[\\]/(.+)$", r"{a}*?[\]/(.+)$", {}),
    "a dot for itself": ("a.b", "axb", None),
    "the issue's game": (
        "games/{game}/{version}/{rest:**}", "games/g/1.2/d/e.bin", {"game": "g", "version": "1.2", "rest": "d/e.bin"}),
}
# fmt: on


@cases("pattern path captures", CAPTURED)
def test_a_whole_path_matches_and_its_parts_are_captured(pattern: str, path: str, captures: dict[str, str]) -> None:
    match = parse_match(pattern)
    assert match.text == pattern
    assert match.captures_of(path) == captures
    assert (match.mismatch(path) == "") == (captures is not None)


REFUSED = {
    "is empty": [""],
    "ends in a slash": ["/", "a/", "**/"],
    "no name in a path is empty": ["//a", "a//b", "./a", "a/../b", r"a/\./b"],
    "is a backslash before a character that needs none": [r"docs\a", r"a\1"],
    "ends in a backslash": ["a\\", "a\\/b"],
    "shares a segment": ["a**", "**.css", "a/***", "x{a:**}", "{a:**}{b}"],
    "is no capture": ["{}", "{a:*}", "{a:}", "{1}", "{a b}", "{\u00e9}", "{:**}", "{a,b}", "{a\\}"],
    "not closed": ["{", "a{b", "{a/b}", "{{a}"],
    "closes nothing": ["}", "{a}}", r"\{a}"],
    "`?` means something in `include`": ["a?", "a?**"],
    "`[` means something in `include`": ["[ab]", "{a}["],
    "captures `a` twice": ["{a}/{a}", "{a}-{a}", "{a}/{a:**}"],
    "nobody can tell": ["{a}{b}", "*{a}", "{a}*", "x{a}{b}y", "{a:**}/{b:**}", "**/{a:**}", "x/{a:**}/**"],
    "control character": ["a\nb", "\0", "\x7f"],
    "half a character": ["\ud800"],
    "longer than 4096 bytes": ["a" * 4097, "\u00e9" * 2049],
    "more than 50 captures": ["/".join(f"{{a{number}}}" for number in range(51))],
}
ROWS = {f"{why}: {ascii(text)[:40]}": (why, text) for why, texts in REFUSED.items() for text in texts}


@cases("why text", ROWS)
def test_a_pattern_that_cannot_be_meant_is_refused_with_a_remedy(why: str, text: str) -> None:
    with pytest.raises(ZtpurgeError, match=re.escape(why)) as raised:
        parse_match(text)
    assert raised.value.remedy


LONG = {
    "asterisks": ("*a" * 2000 + "b", "a" * 4096),
    "asterisks in every segment": ("/".join(["*a*a*a*b"] * 400), "/".join(["aaaaaaaab"] * 399)),
    "captures": ("-".join(f"{{a{number}}}" for number in range(50)) + "b", "-" * 4096),
    "any folders": ("/".join(f"{{a{number}:**}}/*a" for number in range(50)) + "/b", "a/" * 2000 + "a"),
    "any folders, then asterisks": ("**/" * 500 + "*a*a*a*b/" * 200 + "c", "aaaaaaab/" * 450 + "d"),
    "any folders, at the end": ("**/x/" * 800 + "**", "x/" * 799 + "y" * 900),
    "a long literal": ("*" + "a" * 2000 + "b*", "a" * 4096),
}


@cases("pattern path", LONG)
def test_no_pattern_takes_long(pattern: str, path: str) -> None:
    """With one way more to try at each place, none of these would end."""
    match = parse_match(pattern)
    assert match.captures_of(path) is None
    assert match.mismatch(path)


NAMES = st.text("bB.\u00e9\udce9[^|*?{} %'\n", min_size=1, max_size=3).filter(lambda name: name not in {".", ".."})
FORMS = st.sampled_from(["x{}", "{}", r"\{{-{}-x", "**/x{}", "{}/x"])


@given(st.lists(st.tuples(FORMS, NAMES, st.lists(NAMES, max_size=3)), min_size=1, max_size=4))
def test_what_a_pattern_is_filled_with_is_what_it_captures(drawn: list[tuple[str, str, list[str]]]) -> None:
    """No name holds `x` or `-`, so there is one way alone to read each path."""
    patterns, paths, captures = [], [], {}
    for number, (form, name, names) in enumerate(drawn):
        is_many = form == "{}/x"
        taken = "/".join(names) if is_many else name
        patterns.append(form.format(f"{{n{number}:**}}" if is_many else f"{{n{number}}}"))
        paths.append(form.removeprefix("**/").replace("\\", "").format(taken).removeprefix("/"))
        captures[f"n{number}"] = taken
    assert parse_match("/".join(patterns)).captures_of("/".join(paths)) == captures


WILD, PLAIN = st.sampled_from(["*", "{n}"]), st.sampled_from(["a", "b", "ab"])
PARTS = st.lists(st.builds("{}{}".format, WILD, PLAIN), max_size=3).map("".join)
SEGMENT = st.builds("{}{}{}".format, st.just("") | PLAIN, PARTS, PLAIN | WILD)
SEGMENTS = st.lists(
    st.builds("{}{}".format, st.sampled_from(["", "", "**/", "{n:**}/"]), SEGMENT), min_size=1, max_size=4
)
ENDS = st.sampled_from(["", "", "/**", "/{n:**}"])
FILLS = st.lists(st.text("aab", min_size=1, max_size=3) | st.text("ab/", max_size=4), min_size=3)


def numbered(text: str) -> str:
    numbers = itertools.count()
    return re.sub("{n", lambda _: f"{{n{next(numbers)}", text)


PATTERNS = st.builds("{}{}".format, SEGMENTS.map("/".join), ENDS).map(numbered)
WILDCARD = re.compile(r"(?:\{(?P<many>\w+):\*\*\}|\*\*)/|\{(?P<name>\w+)\}|\*")


def all_ways(text: str) -> str:
    """Return an expression for a path with a slash at its end that tries all ways, the shortest first."""

    def taken(found: re.Match[str]) -> str:
        name = found["many"] or found["name"]
        many = "+?" if found.end() == len(text) + 1 else "*?"
        shortest = f"(?:[^/]+/){many}" if found[0].endswith("/") else "[^/]+?" if name else "[^/]*?"
        return f"(?P<{name}>{shortest})" if name else shortest

    return WILDCARD.sub(taken, f"{text}/")


def like(text: str, fills: list[str]) -> str:
    """Return a path that a pattern matches, or nearly."""
    turns = itertools.cycle(fills)
    path = WILDCARD.sub(lambda found: next(turns) + ("/" if found[0].endswith("/") else ""), f"{text}/")
    return re.sub("/+", "/", path).strip("/")


@given(PATTERNS, FILLS)
@settings(max_examples=500)
def test_it_captures_what_a_search_of_all_ways_finds_first(text: str, fills: list[str]) -> None:
    path = like(text, fills)
    found = re.fullmatch(all_ways(text), f"{path}/")
    captures = found and {name: taken.strip("/") for name, taken in found.groupdict().items()}
    assert parse_match(text).captures_of(path) == captures


@given(PATTERNS, FILLS)
@settings(max_examples=500)
def test_what_matches_is_foreseen_at_each_folder_above(text: str, fills: list[str]) -> None:
    match, names = parse_match(text), like(text, fills).split("/")
    captures = match.captures_of("/".join(names))
    if captures is None:
        return
    for count in range(1, len(names) + 1):
        foreseen = match.captures_below("/".join(names[:count]))
        assert foreseen is not None
        assert foreseen.items() <= captures.items()


# fmt: off
MISMATCHES = {
    "at the top": ("a/b", "c/b", "`a/b` takes `a/b` at the top, and the path has `c/b` there"),
    "further down": (
        "content/{slug}.md", "content/draft/a.md",
        "`content/{slug}.md` takes `{slug}.md` after `content/`, and the path has `draft/a.md` there"),
    "too short": ("a/b/*", "a/b", "`a/b/*` takes `*` after `a/b/`, and the path ends there"),
    "too long": ("a/*", "a/b/c", "`a/*` takes nothing after `a/b/`, and the path has `c` there"),
    "any folders": ("a/**/x", "a/b/y", "`a/**/x` takes `**/x` after `a/`, and the path has `b/y` there"),
    "no path": ("a", "", "`a` takes `a` at the top, and the path ends there"),
}
# fmt: on


@cases("pattern path sentence", MISMATCHES)
def test_a_mismatch_says_how_far_it_got(pattern: str, path: str, sentence: str) -> None:
    assert rule_of(pattern).mismatch(path) == sentence


# fmt: off
FILLED = {
    "no capture": ("**", ["x"], "a", ["x"]),
    "encoded once": ("{a}", ["p/{a}"], "a b%20#?.md", ["p/a%20b%2520%23%3F.md"]),
    "each spelling of all": ("{a}/{b}", ["{a}/{b}"], "[x]/y|^", ["%5Bx%5D/y%7C%5E", "[x]/y|%5E", "[x]/y|^"]),
    "spellings once": ("{a}/{b}", ["{a}"], "x/[y]", ["x"]),
    "any folders": ("g/{r:**}", ["l/{r}?r={r}"], "g/a/b c", ["l/a/b%20c?r=a%2Fb%20c"]),
    "in a query": ("{a}", ["?a={a}&b"], "a&b=c+d'(*)!~", ["?a=a%26b%3Dc%2Bd%27(*)!~&b"]),
    "bytes that are not UTF-8": ("{a}", ["{a}?{a}"], "caf\udce9", ["caf%E9?caf%E9"]),
    "the slash after no folders": ("{r:**}/x", ["{r}/y", "a/{r}/", "{r}"], "x", ["y", "a/", ""]),
    "two times no folders": ("{r:**}/x/{s:**}/y", ["{r}/{s}/z", "{r}{s}/z?"], "x/y", ["z", "z?"]),
    "but not a slash that is needed": ("{r:**}/x", ["a-{r}/y", "?{r}/y", "y?/{r}/"], "x", ["a-/y", "?/y", "y?//"]),
    "the literal text as browsers spell it": ("{a}", ["\u00e9[{a}]?'{a}"], "x", ["%C3%A9[x]?%27x"]),
    "a text that looks like what holds the place": ("{a}", ["(0)(1){a}(2)"], "x", ["(0)(1)x(2)"]),
    "captures side by side": ("{a}-{b}", ["{a}{b}{a}"], "x-y", ["xyx"]),
    "no dots": ("x{a}", [".{a}", "{a}/y", "%2e{a}?", "{a}a", "?/{a}/"], "x.", [".a", "?/./"]),
    "nothing too long": ("{a}", ["{a}" * 50, "x"], "\udce9" * 200, ["x"]),
    "URLs once": ("{a}/{b}", ["{a}", "x", "{b}"], "x/x", ["x"]),
}
# fmt: on


@cases("pattern templates path urls", FILLED)
def test_captures_are_put_in_as_clients_spell_them(
    pattern: str, templates: list[str], path: str, urls: list[str]
) -> None:
    assert rule_of(pattern, (*templates,)).urls_of(path) == tuple(("urls", HOST + url) for url in urls)


def test_a_directory_ends_in_a_slash_and_comes_after_the_urls() -> None:
    rule = rule_of("{r:**}/x", urls=("u",), dirs=("d/{r}", "e/", "e"))
    urls = (("urls", f"{HOST}u"), ("dirs", f"{HOST}d/a/b/"), ("dirs", f"{HOST}e/"))
    assert (rule.urls_of("a/b/x"), rule.urls_of("y")) == (urls, ())
    assert rule.urls_of("x") == (urls[0], ("dirs", f"{HOST}d/"), urls[2])


WHOLE = ("dirs", HOST)
BELOW = {
    "everything below": ("themes/**", "", "themes/x", (WHOLE,)),
    "the folder itself": ("themes/x", "", "themes/x", (WHOLE,)),
    "further down": ("themes/x/*/a.js", "", "themes/x", (WHOLE,)),
    "past any folders": ("**/a.js", "", "themes/x", (WHOLE,)),
    "another folder": ("themes/y/**", "", "themes/x", ()),
    "not so far down": ("themes/*", "", "themes/x/y", ()),
    "what the folder's name captures": ("themes/{t}/**", "t/{t}/", "themes/x", (("dirs", f"{HOST}t/x/"),)),
    "what files below it capture": ("themes/{t}/{rest:**}", "{rest}", "themes/x", None),
    "what only some below capture": ("{a:**}/a.js", "{a}", "themes/x", None),
    "captured, but elsewhere": ("docs/{rest:**}", "{rest}", "themes/x", ()),
    "captured, but needed by none": ("themes/{rest:**}", "", "themes/x", (WHOLE,)),
}


@cases("pattern directory folder purged", BELOW)
def test_what_is_purged_for_no_file_depends_on_what_is_known_of_it(
    pattern: str, directory: str, folder: str, purged: object
) -> None:
    assert rule_of(pattern, dirs=(directory,)).below(folder) == purged


REFUSED_TEMPLATES = {
    "before the path": ("https://{a}/x", "https://h{a}", "{a}", "{a}://h/", "https://h:{a}/", "https://u:{pw}@h/{a}"),
    "belongs to no capture": (f"{HOST}{{", f"{HOST}}}", f"{HOST}{{a}}}}", f"{HOST}{{{{a}}}}"),
    "`{slag}`. Write `{slug}`, or capture it there": (f"{HOST}{{slag}}",),
    "`{}`. Write `{a}`, `{slug}`, or": (f"{HOST}{{}}",),
    "`{a:**}` is how `match` captures. Write `{a}`": (f"{HOST}{{a:**}}",),
    "`{a:x}` is how": (f"{HOST}{{a:x}}",),
    "`%` in front of a capture": (f"{HOST}%{{a}}", f"{HOST}x%2{{a}}"),
    "more than 50 captures": (HOST + "{a}" * 51,),
    "not a full URL": ("/x/{a}", "a.example/{a}"),
    "wildcard": (f"{HOST}{{a}}/*",),
    "`.` or `..` segment": (f"{HOST}../{{a}}",),
    "`#`": (f"{HOST}x#{{a}}",),
    "a backslash": (f"{HOST}\\{{a}}",),
}
TEMPLATES = {f"{why}: {text[:40]}": (why, text) for why, texts in REFUSED_TEMPLATES.items() for text in texts}


@cases("why text", TEMPLATES)
def test_what_is_no_template_is_refused_without_a_password(why: str, text: str) -> None:
    for is_directory in (False, True):
        with pytest.raises(ZtpurgeError, match=re.escape(why)) as raised:
            parse_template(text, ("a", "slug"), is_directory=is_directory)
        assert raised.value.remedy
        assert "pw" not in str(raised.value)


def test_a_directory_has_no_query_and_a_pattern_without_captures_gives_none() -> None:
    with pytest.raises(ZtpurgeError, match="no query"):
        parse_template(f"{HOST}?{{a}}", ("a",), is_directory=True)
    with pytest.raises(ZtpurgeError, match="Capture it there, or take it out"):
        parse_template(f"{HOST}{{a}}", (), is_directory=False)


RULES = [
    rule_of("{a}/{r:**}", ("{r}/{a}", ".{a}?{r}&{a}", "x{r}.{a}/", "{a}{r}"), ("{r}", "{r}/{a}.")),
    rule_of("{r:**}/{a}.*", ("{r}/{a}", "?{r}={a}", "{a}/{r}/x"), ("{a}.{a}/{r}",)),
    rule_of("{b}.{a}", ("{a}", "{b}/.{a}.", "{b}{a}"), ("{a}/{b}/",)),
]


@given(st.binary(max_size=30) | st.text("a./%2e?[]'&\u00e9", max_size=12).map(str.encode))
@settings(max_examples=500)
def test_each_url_of_any_path_is_spelled_once_for_all(raw: bytes) -> None:
    path = raw.decode("utf-8", "surrogateescape")
    for rule in RULES:
        purged = rule.urls_of(path)
        assert not (purged and (rule.mismatch(path) or rule.below(path) == ()))
        for kind, url in purged:
            # an asterisk of a name is no wildcard, and today's browsers encode a caret
            if "*" not in url and "^" not in url:
                assert (parse_url if kind == "urls" else parse_directory)(url) == url
