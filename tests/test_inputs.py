"""Every input is read, defaulted or refused by its name, all problems in one run, and no secret is repeated."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tables import cases, rows
from ztpurge.errors import InvalidInputs, ZtpurgeError
from ztpurge.inputs import Inputs, parse, read_list, table
from ztpurge.site.patterns import Patterns

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "tok-3f9a"
BARE = {"INPUT_TOKEN": TOKEN, "INPUT_URLS": "[]"}  # the least that a purge needs


def read(**values: str) -> Inputs:
    """Read inputs given by their field names, with a token and a base URL unless they are given."""
    values = {"token": TOKEN, "base_url": "https://a.example/", **values}
    return parse({f"INPUT_{name.replace('_', '-').upper()}": text for name, text in values.items()})


def problems_of(**values: str) -> dict[str, str]:
    """Return what is wrong with the inputs, by input name."""
    with pytest.raises(InvalidInputs) as raised:
        read(**values)
    places = [problem.place for problem in raised.value.problems]
    assert len(places) == len(set(places))
    assert str(raised.value) == "; ".join(f"{problem.place}: {problem}" for problem in raised.value.problems)
    return {problem.place: str(problem) for problem in raised.value.problems}


# action.yml, which the table of inputs is held to, says what the other defaults are
@pytest.mark.parametrize(
    ("name", "value"),
    [("base_url", ()), ("root", ""), ("include", None), ("index_files", ("index.html", "index.htm")), ("urls", ()),
     ("clean_urls", False), ("max_urls", 10_000), ("pace", 0.0), ("timeout", 900.0), ("wait", False), ("verify", "off"),
     ("fail_on_error", True), ("files_from", ""), ("command", "purge"), ("req_ids", None), ("github_token", "")],
)  # fmt: skip
def test_an_input_has_its_default(name: str, value: object) -> None:
    read_value = getattr(parse(BARE), name)
    assert (read_value, type(read_value)) == (value, type(value))


@pytest.mark.parametrize("empty", ["", " ", "\n", " \n\t"], ids=ascii)
def test_an_empty_input_means_its_default_and_what_the_runner_adds_is_none(empty: str) -> None:
    environ = dict.fromkeys((f"INPUT_{name.upper()}" for name in table()), empty)
    added = {"INPUT_ENTRYPOINT": "x", "INPUT_ARGS": "y", "INPUTS": "z", "input_x": "1", "MY_INPUT_X": "1"}
    assert parse({**environ, **added, **BARE}) == parse(BARE)


# tests/whole/test_contract.py sees to it that each input has a row here
GIVEN = rows({
    "token": ("token", f" {TOKEN}\n", TOKEN), "username": ("username", " name\n", "name"),
    "password as it is": ("password", " pass word ", " pass word "),
    "api-url": ("api_url", "https://API.example:8443/v1/\n", "https://api.example:8443/v1"),
    "base-url": ("base_url", "https://A.example\nhttp://b.example/x\n", ("https://a.example/", "http://b.example/x/")),
    "base-url once": ("base_url", "https://a.example\nhttps://A.example/", ("https://a.example/",)),
    "a host is no file": ("base_url", "https://static.js", ("https://static.js/",)),
    "root": ("root", "./dist//public/\n", "dist/public"), "root at the top": ("root", "./", ""),
    "root with dots in its name": ("root", "..a/b..", "..a/b.."),
    **{f"{name}, {what}": (name, text, lines) for name in ("include", "exclude") for what, text, lines in (
        ("lines", "*.css\n\n  !a.css\n", ("*.css", "!a.css")), ("JSON", '["*.css", "!a.css"]', ("*.css", "!a.css")),
        ("a pattern that begins and ends like JSON", "[ab]*[cd]", ("[ab]*[cd]",)),
        ("one that takes back", "*\n!*.map", ("*", "!*.map")),
        ("an exclamation mark", "\\!important.css", ("\\!important.css",)),
        ("one that takes back, first", "!*.map\n*.css", ("!*.map", "*.css")),
    )},
    "exclude may only take back": ("exclude", "!*.map", ("!*.map",)),
    "index-files": ("index_files", "default.htm\nhome page.html\n", ("default.htm", "home page.html")),
    "no index-files": ("index_files", " none\n", ()),
    "files as they are": ("files", " a.html\n\nb.html\n", " a.html\n\nb.html\n"),
    "a list of paths may hold any byte": ("files", "caf\udce9.html", "caf\udce9.html"),
    "files-from": ("files_from", " changed.txt\n", "changed.txt"), "files-format": ("files_format", "nul\n", "nul"),
    "since": ("since", " last-success\n", "last-success"), "github-token": ("github_token", " ghs_1\n", "ghs_1"),
    "manifest": ("manifest", " .cache/purged.json\n", ".cache/purged.json"),
    "urls": ("urls", "http://A.example:80/x%20y\nhttp://a.example/x%20y\n", ("http://a.example/x%20y",)),
    "urls as JSON": ("urls", '["http://a.example/1", "http://a.example/2"]',
                     ("http://a.example/1", "http://a.example/2")),
    "dirs": ("dirs", "http://a.example/x\nhttp://a.example/y/\n", ("http://a.example/x/", "http://a.example/y/")),
    "dirs, a host": ("dirs", "https://a.zip", ("https://a.zip/",)),
    **{f"{name}, {folder}": (name, f"https://a.example/{folder}", (f"https://a.example/{folder.removesuffix('/')}/",))
       for name in ("base_url", "dirs")
       for folder in ("v1.2", "example.com", "three.js/", "index.html/", ".css", "js", "jquery-3.7.1", "a.css/b",
                      "node.js/v20")},
    "config": ("config", " cdn/sites.yml\n", "cdn/sites.yml"),
    "max-requests": ("max_requests", " 20 ", 20), "max-requests at least": ("max_requests", "0", 0),
    "max-urls at least": ("max_urls", "1", 1), "max-urls at most": ("max_urls", "1000000", 1_000_000),
    "concurrency": ("concurrency", " 64\n", 64), "pace": ("pace", "0.25", 0.25),
    "pace at most": ("pace", "3600", 3600.0), "no retries": ("retries", "0", 0),
    "retries at most": ("retries", "100", 100), "request-timeout": ("request_timeout", "0.1", 0.1),
    "timeout": ("timeout", "86400", 86_400.0), "delay": ("delay", "899.5", 899.5),
    **{f"{name}, {text}": (name, f" {text}\n", text.lower() == "true")
       for name in ("clean_urls", "wait", "prefetch", "dry_run", "fail_on_error")
       for text in ("true", "True", "TRUE", "false", "False", "FALSE")},
    **{f"verify, {text}": ("verify", f" {text}\n", value)
       for value, texts in (("fail", "true True TRUE"), ("off", "false False FALSE"), ("warn", "warn"))
       for text in texts.split()},
    "wait-timeout at least": ("wait_timeout", "1", 1.0), "wait-timeout at most": ("wait_timeout", " 86400\n", 86_400.0),
    "verify-timeout at least": ("verify_timeout", "1", 1.0),
    "verify-timeout at most": ("verify_timeout", "86400", 86_400.0),
    "report-file": ("report_file", " out/report.json\n", "out/report.json"),
    **{f"summary, {text}": ("summary", f" {text}\n", text) for text in ("always", "on-failure", "never")},
    "command": ("command", " purge\n", "purge"),
    **{f"req-ids, {what}": ("req_ids", text, req_ids) for what, text, req_ids in (
        ("one", "fa97-b5d1", ("fa97-b5d1",)), ("lines, each once", " a \n\n\tb\r\na\n", ("a", "b")),
        ("the output as it is", '["a","b"]', ("a", "b")), ("a long output as it is", '[\n"a",\n"b"\n]', ("a", "b")),
        ("JSON, each once", '[" a ", "a", ""]', ("a",)), ("none, with blanks", " [ ]\n", ()),
        ("none, as the output of a run that purged nothing has it", "[]", ()), ("the longest", "a" * 128, ("a" * 128,)),
    )},
})  # fmt: skip
LOGIN = {"token": "", "username": "n", "password": "p"}
BESIDE = {"username": LOGIN, "password": LOGIN, "req_ids": {"command": "status", "req_ids": "x"}}


@pytest.mark.parametrize(("name", "text", "value"), GIVEN)
def test_an_input_is_read(name: str, text: str, value: object) -> None:
    beside = BESIDE.get(name, {})
    inputs = read(**beside | {name: text})
    found = getattr(inputs, name)
    shown = found.lines if isinstance(found, Patterns) else found
    assert (shown, type(shown)) == (value, type(value))
    assert inputs == replace(read(**beside), **{name: found})


def test_secrets_are_not_shown() -> None:
    shown = repr(replace(read(github_token="ghs_1"), password="pass word"))
    assert not any(secret in shown for secret in (TOKEN, "ghs_1", "pass word"))


NO_NUMBERS = ["1 0", "1" * 10, *["1e3", "inf", "nan", "-1", "+1", "٣", "1_0", "1,5", ".5", "5.", "0x10", "1h", "true"]]
SECONDS = {  # bounds, and what lies out of them
    "pace": ("0 to 3600", ["3600.1"]),
    "request_timeout": ("0.1 to 3600", ["0", "0.09", "3601"]),
    "timeout": ("1 to 86400", ["0.9", "86401"]),
    "delay": ("0 to 86400", ["86401"]),
    **dict.fromkeys(["wait_timeout", "verify_timeout"], ("1 to 86400", ["0", "0.9", "86400.1"])),
}
COUNTS = {
    "max_requests": ("0 to 1000000", ["-1", "1000001", "1.5"]),
    "max_urls": ("1 to 1000000", ["0", "1000001"]), "concurrency": ("1 to 64", ["0", "65"]),
    "retries": ("0 to 100", ["101"]),
}  # fmt: skip
NO_FOLDER = "is not a folder of the repository. Write it relative, as `dist`"
NO_URL = "it is not a full URL. Begin it with http:// or https:// and a host"
TAKES_BACK = (
    "all its patterns begin with `!`, which takes back, so no file can match. Begin with a pattern that picks files, "
    "such as `*`, or move them to `exclude`, without the `!`"
)
A_FILE = (
    "it ends as a file does, but stands where a folder should. Give the folder's address, or a single URL in `urls`; "
    "if it is a folder, end it with a `/`"
)
FORMATS = "is none of auto, lines, json, nul, space, csv, name-status, tj"
NO_TOKEN = "it holds white space or characters that no token has. Check the secret"
NO_MATCH = "`!` can match no file: no name in a path is empty, `.` or `..`. Write it as `css/*.css`, from `root` on"
NO_NAME = "'a/index.html' is not the name of a file. Write one name a line, without a folder"
WILDCARD = "'http://a.example/*': it holds a wildcard, and the CDN takes none. Name a directory in `dirs` instead"
REFUSED = [
    *((name, text, f"{text!r} is not a number from {bounds} seconds")
      for name, (bounds, out) in SECONDS.items() for text in NO_NUMBERS + out),
    *((name, text, f"{text!r} is not a whole number from {bounds}")
      for name, (bounds, out) in COUNTS.items() for text in [*NO_NUMBERS, "1.0", "1.5", *out]),
    *(("clean_urls", text, f"{text!r} is not `true` or `false`")
      for text in ("yes", "no", "on", "off", "1", "0", "tRUE", "fALSE", "t", "true true", '"true"', "null")),
    *(("summary", text, f"{text!r} is not `always`, `on-failure` or `never`")
      for text in ("Always", "true", "on_failure", "failure")),
    *(("verify", text, f"{text!r} is not `true`, `false` or `warn`")
      for text in ("yes", "Warn", "WARN", "fail", "off", "1", "true warn", "tRUE", '"warn"')),
    *(("command", text, f"{text!r} is not `purge` or `status`")
      for text in ("Status", "PURGE", "verify", "status purge", "prefetch")),
    ("api_url", "cdnapi.example", f"'cdnapi.example': {NO_URL}"),
    ("api_url", "http://a.example/?x", "'http://a.example/?x': a prefix has no query"),
    ("base_url", "https://a.example/\na.example", f"'a.example': {NO_URL}"),
    *((name, f"https://a.example/x/{file}", f"'https://a.example/x/{file}': {A_FILE}")
      for name, file in (("base_url", "index.html"), ("base_url", "INDEX.HTM"), ("dirs", "a.css"), ("dirs", "b.min.js"))
      ),
    *(("root", text, f"{text!r} {NO_FOLDER}") for text in ("/dist", "a/../..")),
    ("include", "*.css\n[z-a]", "`[z-a]` can match no file: the range `z-a` runs backwards"),
    *(("include", text, TAKES_BACK) for text in ("!*.map", "# maps\n!*.map\n!*.txt")),
    ("exclude", "!", NO_MATCH), ("index_files", "index.html\na/index.html", NO_NAME),
    *(("files_format", text, f"{text!r} {FORMATS}") for text in ("yaml", "JSON")),
    ("urls", "/a\nhttp://a.example/*\nhttp://a.example/b", f"'/a': {NO_URL}; {WILDCARD}"),
    ("dirs", "http://a.example/d?x", "'http://a.example/d?x': a directory has no query. Name single URLs in `urls`"),
    *(("delay", text, "it leaves nothing of `timeout`. Lower it, or raise `timeout`") for text in ("900", "901")),
    *((name, "two words", NO_TOKEN) for name in ("token", "github_token")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "problem"), REFUSED)
def test_what_cannot_be_used_is_refused(name: str, text: str, problem: str) -> None:
    assert problems_of(**{name: text}) == {name.replace("_", "-"): problem}


@cases("variable place nearest", {
    "underscore": ("INPUT_DRY_RUN", "dry_run", "dry-run"), "no hyphen": ("INPUT_DRYRUN", "dryrun", "dry-run"),
    "base-url": ("INPUT_BASEURL", "baseurl", "base-url"), "singular": ("INPUT_URL", "url", "urls"),
    "letters swapped": ("INPUT_VERFIY", "verfiy", "verify"),
    "plural": ("INPUT_FAIL_ON_ERRORS", "fail_on_errors", "fail-on-error"),
    "small letters, by hand": ("INPUT_dry-run", "INPUT_dry-run", "dry-run"), "like none": ("INPUT_XYZZY", "xyzzy", ""),
    "no name": ("INPUT_", "INPUT_", ""), "hostile": ("INPUT_\udcff\x1b[31m\n", "INPUT_\\udcff\\x1b[31m\\n", ""),
    "endless": ("INPUT_" + "X" * 10_000, "x" * 100, ""),
})  # fmt: skip
@pytest.mark.parametrize("value", ["true", "", TOKEN])
def test_an_input_that_there_is_not_is_refused(variable: str, place: str, nearest: str, value: str) -> None:
    with pytest.raises(InvalidInputs) as raised:
        parse({**BARE, "INPUT_DRY-RUN": "true", variable: value})  # however it stands beside the right one
    (problem,) = raised.value.problems
    meant = f"Write `{nearest}` (the variable INPUT_{nearest.upper()})" if nearest else "The README lists"
    assert (problem.place, problem.cause) == (place, "there is no input of this name")
    assert meant in str(problem)
    assert TOKEN not in str(raised.value)


def test_a_misspelt_input_is_reported_with_the_others_and_puts_none_at_fault() -> None:
    with pytest.raises(InvalidInputs) as raised:
        parse({"INPUT_DRY_RUN": "true", "INPUT_BASEURL": "https://a.example", "INPUT_WAIT": "x"})
    assert [problem.place for problem in raised.value.problems] == ["baseurl", "dry_run", "wait"]


@pytest.mark.parametrize("name", [name for name in table() if name != "files"])
def test_what_is_not_utf_8_is_refused_by_name(name: str) -> None:
    problems = problems_of(**{name.replace("-", "_"): "https://a.example/\udcff"})
    assert problems[name].startswith("it is not UTF-8. ")


@pytest.mark.parametrize("name", ["urls", "dirs", "base_url", "include", "exclude", "index_files"])
def test_a_lone_surrogate_in_json_is_refused(name: str) -> None:
    assert list(problems_of(**{name: r'["http://a.example/\ud800/"]'})) == [name.replace("_", "-")]


def test_every_problem_is_reported_at_once() -> None:
    wrong = {
        **dict.fromkeys([*(name for name, *_ in REFUSED), "wait", "prefetch", "dry_run", "fail_on_error"], "x"),
        **dict.fromkeys(["token", "github_token", "req_ids"], "a b"), **dict.fromkeys(["include", "exclude"], "!"),
        **dict.fromkeys(["files_from", "since", "manifest"], "v1.0"), "root": "..", "index_files": "a/b",
    }  # fmt: skip
    assert set(problems_of(files="a.html", **wrong)) == {name.replace("_", "-") for name in wrong}


@cases("values place", {
    "reported once": ({"token": "two words"}, "token"),
    "files beside a broken base-url": ({"base_url": "x", "files": "a.html"}, "base-url"),
    "delay beside a broken timeout": ({"timeout": "1h", "delay": "1000"}, "timeout"),
    "no token beside a broken dry-run": ({"dry_run": "yes", "token": ""}, "dry-run"),
    "reqIds beside a broken command": ({"command": "state", "req_ids": "fa97"}, "command"),
    "status beside broken reqIds": ({"command": "status", "req_ids": "a b"}, "req-ids"),
    "status beside dry-run": ({"command": "status", "req_ids": "fa97", "dry_run": "yes"}, "dry-run"),
    "manifest beside a broken base-url": ({"manifest": "m.json", "base_url": "x"}, "base-url"),
})  # fmt: skip
def test_a_broken_input_puts_no_other_at_fault(values: dict[str, str], place: str) -> None:
    assert list(problems_of(**values)) == [place]


@pytest.mark.parametrize("token", [f"{TOKEN} x", f"x\n{TOKEN}", f"{TOKEN}\u00e9", f"{TOKEN}\x00", f"\u200b{TOKEN}",
                                   f"a\t{TOKEN}"], ids=ascii)  # fmt: skip
@pytest.mark.parametrize("name", ["token", "github_token"])
def test_a_token_that_is_none_is_refused_and_not_repeated(name: str, token: str) -> None:
    with pytest.raises(InvalidInputs) as raised:
        read(**{name: token, "retries": "x"})
    problems = raised.value.problems
    assert [problem.place for problem in problems] == [name.replace("_", "-"), "retries"]
    assert TOKEN not in "".join((str(raised.value), repr(raised.value), *map(str, problems), repr(problems)))


@pytest.mark.parametrize("name", ["base_url", "urls", "dirs", "api_url"])
@pytest.mark.parametrize(
    "entry",
    ["https://bob:hunter2@a.example/x", "https://bob:hunter2@@a.example", "https://hunter2:@a.example", "bob:hunter2@a",
     "https://bob:hunter2#x@a.example/"],
)  # fmt: skip
def test_a_password_in_a_url_is_not_repeated(name: str, entry: str) -> None:
    problems = problems_of(**{name: entry})
    assert "hunter2" not in str(problems)
    if "#" not in entry:
        assert list(problems) == [name.replace("_", "-")]
        assert name == "api_url" or "'a" in str(problems)  # what stands behind the @ says which entry it is


NEEDED = "it is missing or empty. Pass "
NO_LOGIN = f"{NEEDED}a repository secret (runs for forks and Dependabot get none; `dry-run: true` needs none)"
BOTH = "Give one of the two"
STATUS = {"command": "status", "req_ids": "fa97"}
NO_REQ_IDS = (
    "it is missing, so there is nothing to ask after. Pass the output `req-ids` of the step that purged; if that is "
    "empty, the step did not run"
)


@pytest.mark.parametrize(
    ("values", "problems"),
    [
        ({"username": "n", "password": "p"}, {"token": f"it is given beside `username` or `password`. {BOTH}"}),
        ({"username": "n"}, {"token": f"it is given beside `username` or `password`. {BOTH}"}),
        ({"token": "", "username": "n"}, {"password": f"{NEEDED}both as repository secrets"}),
        ({"token": "", "password": "p"}, {"username": f"{NEEDED}both as repository secrets"}),
        *(({"token": token}, {"token": NO_LOGIN}) for token in ("", " \n")),
        ({"since": "v1.0", "files": "a.html"}, {"since": f"it is given beside a list of files. {BOTH}"}),
        ({"files": "a.html", "files_from": "list.txt"}, {"files-from": f"it is given beside `files`. {BOTH}"}),
        *(({"manifest": "m.json", **more}, {"manifest": f"it is given beside {what}. {BOTH}"})
          for more, what in (({"files": "a.html"}, "a list of files"), ({"files_from": "list.txt"}, "a list of files"),
                             ({"since": "v1.0"}, "`since`"))),
        *((STATUS | {"req_ids": empty}, {"req-ids": NO_REQ_IDS}) for empty in ("", " \n")),
        *(({"command": command, "req_ids": req_ids},
           {"req-ids": "they are given, but nothing is asked. Add `command: status`"})
          for command in ("purge", "") for req_ids in ("fa97", "[]")),
        (STATUS | {"dry_run": "true", "token": ""},
         {"dry-run": "a dry run asks nobody. Take it out for `command: status`"}),
        *((STATUS | {name: "true"}, {name: "it is for URLs that this step purges. Give it to that step"})
          for name in ("verify", "prefetch")),
        (STATUS | {"token": ""}, {"token": NO_LOGIN}),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(values: dict[str, str], problems: dict[str, str]) -> None:
    assert problems_of(**values) == problems


@pytest.mark.parametrize(
    "values",
    [
        {"token": "", "dry_run": "true"},
        {"since": "event", "files": "a.html"},
        {"files": " \n", "files_from": "list.txt"},
        *({"manifest": "m.json", **more} for more in ({}, {"since": "event"}, {"urls": "http://a.example/x"})),
        STATUS | LOGIN,
        # a status minds nothing that only a purge needs
        STATUS | {"base_url": "", "since": "v1.0", "delay": "86400", "wait": "true"},
    ],
    ids=str,
)
def test_what_goes_together_is_read(values: dict[str, str]) -> None:
    read(**values)


@pytest.mark.parametrize(
    "text",
    ["a b", "a,b", "../x", "http://a.example/", '["a", "b c"]', '["a"', "[1]", "[null]", "{}", "-a", "\u0663", "a\x1b",
     "a" * 129, "x" * 100_000 + "!"],
    ids=lambda text: ascii(text)[:20],
)  # fmt: skip
def test_what_is_no_req_id_is_refused(text: str) -> None:
    ((place, problem),) = problems_of(command="status", req_ids=text).items()
    assert (place, problem.isprintable(), len(problem) < 400) == ("req-ids", True, True)
    assert "is no reqId. Pass the output `req-ids` of the step that purged" in problem


def test_the_machine_may_find_more_problems() -> None:
    def check(inputs: Inputs, given: frozenset[str]) -> Iterator[ZtpurgeError]:
        yield ZtpurgeError(f"{inputs.files_from} is not there", place="files-from")
        yield ZtpurgeError("told already", place="retries")

    environ = BARE | {"INPUT_BASE-URL": "http://a.example", "INPUT_FILES-FROM": "x", "INPUT_RETRIES": "x"}
    with pytest.raises(InvalidInputs) as raised:
        parse(environ, check=check)
    assert [(problem.place, problem.cause) for problem in raised.value.problems] == [
        ("retries", "'x' is not a whole number from 0 to 100"),
        ("files-from", "x is not there"),
    ]


@cases("text entries", {
    "nothing": ("", ()), "lines": ("a\nb\n", ("a", "b")), "trimmed": ("  a b \r\n\r\n\tc\r\n", ("a b", "c")),
    "JSON": ('["a", " b ", ""]', ("a", " b ")), "JSON over lines": ('\n[\n"a"\n]\n', ("a",)), "empty JSON": ("[]", ()),
    "brackets": ("[a]", ("[a]",)), "JSON of other things": ("[1]", ("[1]",)),
    "brackets on lines": ("[a]\n[b]", ("[a]", "[b]")),
    "deep JSON": ("[" * 50_000 + "]" * 50_000, ("[" * 50_000 + "]" * 50_000,)),
})  # fmt: skip
def test_a_list_is_lines_or_json(text: str, entries: tuple[str, ...]) -> None:
    assert read_list(text) == entries


ANY_TEXT = st.text(st.characters(exclude_categories=()))  # surrogates too, which os.environ makes of odd bytes
GLUED = st.lists(
    st.sampled_from(
        ["[", "]", '"', ",", "\n", "!", "\\", "*", "[[:", "https://", "a.example", "/", ":", "@", "?", "#", "%"]
    )
    | st.sampled_from(["true", "1", ".", "..", "\udcff", "\\ud800", "\0", "a.css", "status", "none", "\u0663"])
).map("".join)


@given(st.dictionaries(st.sampled_from([*table(), "unknown", "dry_run"]) | ANY_TEXT, ANY_TEXT | GLUED))
def test_any_inputs_are_read_or_refused_by_name(values: dict[str, str]) -> None:
    try:
        inputs = parse({f"INPUT_{name.upper()}": text for name, text in values.items()})
    except InvalidInputs as error:
        assert error.problems  # noqa: PT017 - either end is fine
        assert all(problem.place and problem.place.isascii() for problem in error.problems)  # noqa: PT017
    else:
        assert inputs.token or inputs.username or inputs.dry_run
        assert (inputs.command == "status") == (inputs.req_ids is not None)
