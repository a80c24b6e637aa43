"""Every input is read, defaulted or refused by its name, all problems in one run, and no secret is repeated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ztpurge.errors import InvalidInputs, ZtpurgeError
from ztpurge.inputs import Inputs, parse, read_list, table
from ztpurge.site.patterns import Patterns

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "tok-3f9a"
DEFAULTS: dict[str, Any] = {
    "username": "",
    "password": "",
    "api_url": "http://cdnapi.ztgame.com.cn",
    "base_url": (),
    "root": "",
    "include": None,
    "exclude": None,
    "index_files": ("index.html", "index.htm"),
    "clean_urls": False,
    "files": "",
    "files_from": "",
    "files_format": "auto",
    "since": "event",
    "github_token": "",
    "manifest": "",
    "urls": (),
    "dirs": (),
    "max_urls": 10_000,
    "concurrency": 4,
    "pace": 0.0,
    "retries": 4,
    "request_timeout": 100.0,
    "timeout": 900.0,
    "delay": 0.0,
    "wait": False,
    "wait_timeout": 300.0,
    "verify": "off",
    "verify_timeout": 120.0,
    "prefetch": False,
    "dry_run": False,
    "fail_on_error": True,
    "report_file": "",
    "command": "purge",
    "req_ids": None,
}


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


BARE = {"INPUT_TOKEN": TOKEN, "INPUT_URLS": "[]"}  # the least that a purge needs


def test_every_input_has_its_default() -> None:
    assert parse(BARE) == Inputs(token=TOKEN, **DEFAULTS)


def test_the_table_names_every_input_with_its_default() -> None:
    assert table() == {
        "token": "",
        "username": "",
        "password": "",
        "api-url": "http://cdnapi.ztgame.com.cn",
        "base-url": "",
        "root": ".",
        "include": "",
        "exclude": "",
        "index-files": "index.html\nindex.htm",
        "clean-urls": "false",
        "files": "",
        "files-from": "",
        "files-format": "auto",
        "since": "event",
        "github-token": "${{ github.token }}",
        "manifest": "",
        "urls": "",
        "dirs": "",
        "max-urls": "10000",
        "concurrency": "4",
        "pace": "0",
        "retries": "4",
        "request-timeout": "100",
        "timeout": "900",
        "delay": "0",
        "wait": "false",
        "wait-timeout": "300",
        "verify": "false",
        "verify-timeout": "120",
        "prefetch": "false",
        "dry-run": "false",
        "fail-on-error": "true",
        "report-file": "",
        "command": "purge",
        "req-ids": "",
    }


@pytest.mark.parametrize("empty", ["", " ", "\n", " \n\t"], ids=["empty", "blank", "newline", "blanks"])
def test_an_empty_input_means_its_default(empty: str) -> None:
    names = [f"INPUT_{name.upper()}" for name in table()]
    environ = {**dict.fromkeys(names, empty), **BARE}
    assert parse(environ) == Inputs(token=TOKEN, **DEFAULTS)


GIVEN = [
    pytest.param("token", f" {TOKEN}\n", TOKEN, id="token"),
    pytest.param("api_url", "https://API.example:8443/v1/\n", "https://api.example:8443/v1", id="api-url"),
    pytest.param("base_url", "https://A.example\nhttp://b.example/x\n", ("https://a.example/", "http://b.example/x/"),
                 id="base-url"),
    pytest.param("base_url", "https://a.example\nhttps://A.example/", ("https://a.example/",), id="base-url once"),
    pytest.param("root", "./dist//public/\n", "dist/public", id="root"),
    pytest.param("root", "./", "", id="root at the top"),
    pytest.param("root", "..a/b..", "..a/b..", id="root with dots in its name"),
    pytest.param("index_files", "default.htm\nhome page.html\n", ("default.htm", "home page.html"), id="index-files"),
    pytest.param("index_files", " none\n", (), id="no index-files"),
    pytest.param("clean_urls", "true", True, id="clean-urls"),
    pytest.param("files", " a.html\n\nb.html\n", " a.html\n\nb.html\n", id="files as they are"),
    pytest.param("files_format", "nul\n", "nul", id="files-format"),
    pytest.param("since", " last-success\n", "last-success", id="since"),
    pytest.param("github_token", " ghs_1\n", "ghs_1", id="github-token"),
    pytest.param("urls", "http://A.example:80/x%20y\nhttp://a.example/x%20y\n", ("http://a.example/x%20y",), id="urls"),
    pytest.param("urls", '["http://a.example/1", "http://a.example/2"]', ("http://a.example/1", "http://a.example/2"),
                 id="urls as JSON"),
    pytest.param("dirs", "http://a.example/x\nhttp://a.example/y/\n", ("http://a.example/x/", "http://a.example/y/"),
                 id="dirs"),
    pytest.param("max_urls", "1", 1, id="max-urls at least"),
    pytest.param("max_urls", "1000000", 1_000_000, id="max-urls at most"),
    pytest.param("concurrency", " 64\n", 64, id="concurrency"),
    pytest.param("pace", "0.25", 0.25, id="pace"),
    pytest.param("pace", "3600", 3600.0, id="pace at most"),
    pytest.param("retries", "0", 0, id="no retries"),
    pytest.param("retries", "100", 100, id="retries at most"),
    pytest.param("request_timeout", "0.1", 0.1, id="request-timeout"),
    pytest.param("timeout", "86400", 86_400.0, id="timeout"),
    pytest.param("delay", "899.5", 899.5, id="delay"),
    pytest.param("dry_run", "true", True, id="dry-run"),
    pytest.param("fail_on_error", "false", False, id="fail-on-error"),
    pytest.param("report_file", " out/report.json\n", "out/report.json", id="report-file"),
    pytest.param("files_from", " changed.txt\n", "changed.txt", id="files-from"),
    pytest.param("manifest", " .cache/purged.json\n", ".cache/purged.json", id="manifest"),
    pytest.param("wait", "true", True, id="wait"),
    pytest.param("wait_timeout", "1", 1.0, id="wait-timeout at least"),
    pytest.param("wait_timeout", " 86400\n", 86_400.0, id="wait-timeout at most"),
    pytest.param("verify", "true", "fail", id="verify"),
    pytest.param("verify", "False", "off", id="no verify"),
    pytest.param("verify", " warn\n", "warn", id="verify, to be warned"),
    pytest.param("verify_timeout", "1", 1.0, id="verify-timeout at least"),
    pytest.param("verify_timeout", "86400", 86_400.0, id="verify-timeout at most"),
    pytest.param("prefetch", "true", True, id="prefetch"),
    pytest.param("command", " purge\n", "purge", id="command"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "value"), GIVEN)
def test_an_input_is_read(name: str, text: str, value: object) -> None:
    inputs = read(**{name: text})
    read_value = getattr(inputs, name)
    assert read_value == value
    assert type(read_value) is type(value)
    expected = {**DEFAULTS, "token": TOKEN, "base_url": ("https://a.example/",), name: value}
    assert inputs == Inputs(**expected)


@pytest.mark.parametrize("name", ["include", "exclude"])
@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param("*.css\n\n  !a.css\n", ("*.css", "!a.css"), id="lines"),
        pytest.param('["*.css", "!a.css"]', ("*.css", "!a.css"), id="JSON"),
        pytest.param("[ab]*[cd]", ("[ab]*[cd]",), id="a pattern that begins and ends like JSON"),
    ],
)
def test_patterns_are_read(name: str, text: str, lines: tuple[str, ...]) -> None:
    patterns = getattr(read(**{name: text}), name)
    assert isinstance(patterns, Patterns)
    assert patterns.lines == lines
    assert (patterns.match("a.css"), patterns.match("b.css")) == (False, "*.css" in lines)


def test_every_input_has_a_row_above() -> None:
    rows = {str(row.values[0]).replace("_", "-") for row in GIVEN}
    # these have tests of their own
    assert rows | {"include", "exclude", "username", "password", "req-ids"} == set(table())


@pytest.mark.parametrize("name", ["clean_urls", "wait", "prefetch", "dry_run", "fail_on_error"])
@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("True", True), ("TRUE", True), ("false", False), ("False", False), ("FALSE", False)],
)
def test_booleans_have_six_spellings(name: str, text: str, value: bool) -> None:
    assert getattr(read(**{name: f" {text}\n"}), name) is value


@pytest.mark.parametrize(
    "text", ["yes", "no", "on", "off", "1", "0", "tRUE", "fALSE", "t", "true true", '"true"', "null"]
)
def test_booleans_have_no_other_spelling(text: str) -> None:
    assert problems_of(clean_urls=text) == {"clean-urls": f"{text!r} is not `true` or `false`"}


NO_NUMBERS = [
    "1e3",
    "inf",
    "nan",
    "-1",
    "+1",
    "\u0663",
    "1_0",
    "1 0",
    "1,5",
    ".5",
    "5.",
    "0x10",
    "1h",
    "true",
    "1" * 10,
]


@pytest.mark.parametrize("text", NO_NUMBERS)
@pytest.mark.parametrize(
    ("name", "bounds"),
    [
        ("pace", "0 to 3600"),
        ("request_timeout", "0.1 to 3600"),
        ("timeout", "1 to 86400"),
        ("delay", "0 to 86400"),
        ("wait_timeout", "1 to 86400"),
        ("verify_timeout", "1 to 86400"),
    ],
)
def test_seconds_in_odd_spellings_are_refused(name: str, bounds: str, text: str) -> None:
    assert problems_of(**{name: text}) == {name.replace("_", "-"): f"{text!r} is not a number from {bounds} seconds"}


@pytest.mark.parametrize("text", [*NO_NUMBERS, "1.0", "1.5"])
@pytest.mark.parametrize(
    ("name", "bounds"), [("max_urls", "1 to 1000000"), ("concurrency", "1 to 64"), ("retries", "0 to 100")]
)
def test_counts_in_odd_spellings_are_refused(name: str, bounds: str, text: str) -> None:
    assert problems_of(**{name: text}) == {name.replace("_", "-"): f"{text!r} is not a whole number from {bounds}"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("max_urls", "0"),
        ("max_urls", "1000001"),
        ("concurrency", "0"),
        ("concurrency", "65"),
        ("retries", "101"),
        ("pace", "3600.1"),
        ("request_timeout", "0"),
        ("request_timeout", "0.09"),
        ("request_timeout", "3601"),
        ("timeout", "0.9"),
        ("timeout", "86401"),
        ("delay", "86401"),
        ("wait_timeout", "0.9"),
        ("wait_timeout", "0"),
        ("wait_timeout", "86400.1"),
        ("verify_timeout", "0.9"),
        ("verify_timeout", "0"),
        ("verify_timeout", "86400.1"),
    ],
)
def test_numbers_out_of_bounds_are_refused(name: str, text: str) -> None:
    (place, problem), *others = problems_of(**{name: text}).items()
    assert (place, others) == (name.replace("_", "-"), [])
    assert problem.startswith(f"{text!r} is not a ")


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        pytest.param(
            "api_url",
            "cdnapi.example",
            "'cdnapi.example': it is not a full URL. Begin it with http:// or https:// and a host",
            id="api-url without scheme",
        ),
        pytest.param(
            "api_url", "http://a.example/?x", "'http://a.example/?x': a prefix has no query", id="api-url with a query"
        ),
        pytest.param(
            "base_url",
            "https://a.example/\na.example",
            "'a.example': it is not a full URL. Begin it with http:// or https:// and a host",
            id="base-url, the second",
        ),
        pytest.param(
            "root",
            "/dist",
            "'/dist' is not a folder of the repository. Write it relative, as `dist`",
            id="root absolute",
        ),
        pytest.param(
            "root",
            "a/../..",
            "'a/../..' is not a folder of the repository. Write it relative, as `dist`",
            id="root climbs",
        ),
        pytest.param(
            "include", "*.css\n[z-a]", "`[z-a]` can match no file: the range `z-a` runs backwards", id="include"
        ),
        pytest.param(
            "exclude",
            "!",
            "`!` can match no file: no name in a path is empty, `.` or `..`. Write it as `css/*.css`, from `root` on",
            id="exclude",
        ),
        *(
            pytest.param(
                "include",
                text,
                "all its patterns begin with `!`, which takes back, so no file can match. Begin with a pattern that "
                "picks files, such as `*`, or move them to `exclude`, without the `!`",
                id=f"include, {what}",
            )
            for what, text in (("only `!`", "!*.map"), ("`!` and a comment", "# maps\n!*.map\n!*.txt"))
        ),
        *(
            pytest.param(
                name,
                f"https://a.example/x/{file}",
                f"'https://a.example/x/{file}': it ends as a file does, but stands where a folder should. Give the "
                "folder's address, or a single URL in `urls`; if it is a folder, end it with a `/`",
                id=f"{name}, {file}",
            )
            for name, file in (
                ("base_url", "index.html"),
                ("base_url", "INDEX.HTM"),
                ("dirs", "a.css"),
                ("dirs", "a.min.js"),
            )
        ),
        pytest.param(
            "files_format",
            "yaml",
            "'yaml' is none of auto, lines, json, nul, space, csv, name-status, tj",
            id="files-format",
        ),
        pytest.param(
            "files_format",
            "JSON",
            "'JSON' is none of auto, lines, json, nul, space, csv, name-status, tj",
            id="files-format in capitals",
        ),
        pytest.param(
            "urls",
            "/a\nhttp://a.example/*\nhttp://a.example/b",
            "'/a': it is not a full URL. Begin it with http:// or https:// and a host; 'http://a.example/*': "
            "it holds a wildcard, and the CDN takes none. Name a directory in `dirs` instead",
            id="urls, each wrong one",
        ),
        pytest.param(
            "dirs",
            "http://a.example/d?x",
            "'http://a.example/d?x': a directory has no query. Name single URLs in `urls`",
            id="dirs",
        ),
        pytest.param(
            "delay", "900", "it leaves nothing of `timeout`. Lower it, or raise `timeout`", id="delay as long"
        ),
        pytest.param("delay", "901", "it leaves nothing of `timeout`. Lower it, or raise `timeout`", id="delay longer"),
        pytest.param(
            "token", "two words", "it holds white space or characters that no token has. Check the secret", id="token"
        ),
    ],
)
def test_what_cannot_be_used_is_refused(name: str, text: str, problem: str) -> None:
    assert problems_of(**{name: text}) == {name.replace("_", "-"): problem}


@pytest.mark.parametrize("name", ["base_url", "dirs"])
@pytest.mark.parametrize(
    "folder",
    ["v1.2", "example.com", "three.js/", "index.html/", ".css", "js", "jquery-3.7.1", "a.css/b", "node.js/v20"],
)
def test_a_folder_may_have_a_dot(name: str, folder: str) -> None:
    url = f"https://a.example/{folder}"
    assert getattr(read(**{name: url}), name) == (url if url.endswith("/") else f"{url}/",)


def test_a_host_is_no_file() -> None:
    assert read(base_url="https://static.js", dirs="https://a.zip").base_url == ("https://static.js/",)


@pytest.mark.parametrize("text", ["*\n!*.map", "\\!important.css", "!*.map\n*.css"])
def test_patterns_that_take_back_go_with_some_that_pick(text: str) -> None:
    assert read(include=text).include is not None


def test_patterns_that_only_take_back_may_be_excluded() -> None:
    assert read(exclude="!*.map").exclude is not None


@pytest.mark.parametrize(
    ("variable", "place", "nearest"),
    [
        pytest.param("INPUT_DRY_RUN", "dry_run", "dry-run", id="underscore"),
        pytest.param("INPUT_DRYRUN", "dryrun", "dry-run", id="no hyphen"),
        pytest.param("INPUT_BASEURL", "baseurl", "base-url", id="base-url"),
        pytest.param("INPUT_URL", "url", "urls", id="singular"),
        pytest.param("INPUT_VERFIY", "verfiy", "verify", id="letters swapped"),
        pytest.param("INPUT_FAIL_ON_ERRORS", "fail_on_errors", "fail-on-error", id="plural"),
        pytest.param("INPUT_dry-run", "INPUT_dry-run", "dry-run", id="small letters, by hand"),
        pytest.param("INPUT_XYZZY", "xyzzy", "", id="like none"),
        pytest.param("INPUT_", "INPUT_", "", id="no name"),
        pytest.param("INPUT_\udcff\x1b[31m\n", "INPUT_\\udcff\\x1b[31m\\n", "", id="hostile"),
        pytest.param("INPUT_" + "X" * 10_000, "x" * 100, "", id="endless"),
    ],
)
@pytest.mark.parametrize("value", ["true", "", TOKEN])
def test_an_input_that_there_is_not_is_refused(variable: str, place: str, nearest: str, value: str) -> None:
    with pytest.raises(InvalidInputs) as raised:
        parse({**BARE, variable: value})
    (problem,) = raised.value.problems
    assert problem.place == place
    assert (f"Write `{nearest}` (the variable INPUT_{nearest.upper()})" if nearest else "The README lists") in str(
        problem
    )
    assert TOKEN not in str(raised.value)


def test_a_misspelt_input_is_refused_beside_the_right_one() -> None:
    with pytest.raises(InvalidInputs, match="dry_run: there is no input of this name"):
        parse({**BARE, "INPUT_DRY-RUN": "true", "INPUT_DRY_RUN": "true"})


def test_a_misspelt_input_is_reported_with_the_others_and_puts_none_at_fault() -> None:
    with pytest.raises(InvalidInputs) as raised:
        parse({"INPUT_DRY_RUN": "true", "INPUT_BASEURL": "https://a.example", "INPUT_WAIT": "x"})
    assert [problem.place for problem in raised.value.problems] == ["baseurl", "dry_run", "wait"]


def test_what_the_runner_adds_is_no_input() -> None:
    given = {"INPUT_ENTRYPOINT": "x", "INPUT_ARGS": "y", "INPUTS": "z", "input_x": "1", "MY_INPUT_X": "1"}
    assert parse({**BARE, **given}) == parse(BARE)


@pytest.mark.parametrize("name", sorted(table().keys() - {"files"}))
def test_what_is_not_utf_8_is_refused_by_name(name: str) -> None:
    with pytest.raises(InvalidInputs) as raised:
        parse({**BARE, f"INPUT_{name.upper()}": "https://a.example/\udcff"})
    problems = {problem.place: problem.cause for problem in raised.value.problems}
    assert problems[name] == "it is not UTF-8"


def test_a_list_of_paths_may_hold_any_byte() -> None:
    assert read(files="caf\udce9.html").files == "caf\udce9.html"


@pytest.mark.parametrize("name", ["urls", "dirs", "base_url", "include", "exclude", "index_files"])
def test_a_lone_surrogate_in_json_is_refused(name: str) -> None:
    assert list(problems_of(**{name: r'["http://a.example/\ud800/"]'})) == [name.replace("_", "-")]


def test_an_index_file_is_a_name() -> None:
    assert list(problems_of(index_files="a/index.html")) == ["index-files"]


def test_an_index_file_with_a_folder_is_named() -> None:
    assert "a/index.html" in problems_of(index_files="index.html\na/index.html")["index-files"]


def test_every_problem_is_reported_at_once() -> None:
    problems = problems_of(
        token="a b",
        api_url="x",
        base_url="x",
        root="..",
        include="!",
        exclude="!",
        index_files="a/b",
        clean_urls="x",
        files="a.html",
        files_from="list.txt",
        files_format="x",
        since="HEAD~1",
        github_token="two words",
        urls="x",
        dirs="x",
        max_urls="x",
        concurrency="x",
        pace="x",
        retries="x",
        request_timeout="x",
        timeout="x",
        delay="x",
        dry_run="x",
        fail_on_error="x",
        manifest="purged.json",
        wait="x",
        wait_timeout="x",
        verify="x",
        verify_timeout="x",
        prefetch="x",
        command="x",
        req_ids="a b",
    )
    assert set(problems) == set(table()) - {
        "files",
        "report-file",
        "username",
        "password",
    }  # these cannot be wrong by themselves


def test_a_broken_input_is_reported_once() -> None:
    assert list(problems_of(token="two words")) == ["token"]
    assert list(problems_of(base_url="x", files="a.html")) == ["base-url"]


@pytest.mark.parametrize(
    ("values", "place"),
    [
        pytest.param({"timeout": "1h", "delay": "1000"}, "timeout", id="delay beside a broken timeout"),
        pytest.param({"dry_run": "yes", "token": ""}, "dry-run", id="no token beside a broken dry-run"),
        pytest.param({"command": "state", "req_ids": "fa97"}, "command", id="reqIds beside a broken command"),
        pytest.param({"command": "status", "req_ids": "a b"}, "req-ids", id="status beside broken reqIds"),
        pytest.param(
            {"command": "status", "req_ids": "fa97", "dry_run": "yes"}, "dry-run", id="status beside a broken dry-run"
        ),
        pytest.param({"manifest": "m.json", "base_url": "x"}, "base-url", id="manifest beside a broken base-url"),
    ],
)
def test_a_broken_input_puts_no_other_at_fault(values: dict[str, str], place: str) -> None:
    assert list(problems_of(**values)) == [place]


def test_a_name_and_a_password_stand_in_for_a_token() -> None:
    inputs = read(token="", username=" name\n", password=" pass word ")
    assert (inputs.username, inputs.password) == ("name", " pass word ")
    assert "pass word" not in repr(inputs)


@pytest.mark.parametrize(
    ("values", "place", "words"),
    [
        pytest.param({"username": "n", "password": "p"}, "token", "given beside", id="token and both"),
        pytest.param({"username": "n"}, "token", "given beside", id="token and name"),
        pytest.param({"token": "", "username": "n"}, "password", "missing", id="no password"),
        pytest.param({"token": "", "password": "p"}, "username", "missing", id="no name"),
    ],
)
def test_a_login_is_a_token_or_both_of_name_and_password(values: dict[str, str], place: str, words: str) -> None:
    problems = problems_of(**values)
    assert list(problems) == [place]
    assert words in problems[place]


@pytest.mark.parametrize("token", ["", " \n"], ids=["empty", "blank"])
def test_a_token_is_needed_but_for_a_dry_run(token: str) -> None:
    assert problems_of(token=token) == {
        "token": "it is missing or empty. Pass a repository secret (runs for forks and Dependabot get none; "
        "`dry-run: true` needs none)"
    }
    assert read(token=token, dry_run="true").token == ""


@pytest.mark.parametrize(
    "token",
    [f"{TOKEN} x", f"x\n{TOKEN}", f"{TOKEN}\u00e9", f"{TOKEN}\x00", f"\u200b{TOKEN}", f"a\t{TOKEN}"],
    ids=["blank", "newline", "not ASCII", "NUL", "zero width", "tab"],
)
@pytest.mark.parametrize("name", ["token", "github_token"])
def test_a_token_that_is_none_is_refused_and_not_repeated(name: str, token: str) -> None:
    with pytest.raises(InvalidInputs) as raised:
        read(**{name: token, "retries": "x"})
    shown = [str(raised.value), repr(raised.value), *map(str, raised.value.problems), *map(repr, raised.value.problems)]
    assert [problem.place for problem in raised.value.problems] == [name.replace("_", "-"), "retries"]
    assert not any(TOKEN in text for text in shown)


def test_a_token_is_not_shown() -> None:
    inputs = read(github_token="ghs_1")
    assert (inputs.token, inputs.github_token) == (TOKEN, "ghs_1")
    assert not any(secret in shown for secret in (TOKEN, "ghs_1") for shown in (repr(inputs), str(inputs)))


@pytest.mark.parametrize("name", ["base_url", "urls", "dirs", "api_url"])
@pytest.mark.parametrize(
    "entry",
    [
        "https://bob:hunter2@a.example/x",
        "https://bob:hunter2@@a.example",
        "https://hunter2:@a.example",
        "bob:hunter2@a",
    ],
)
def test_a_password_in_a_url_is_not_repeated(name: str, entry: str) -> None:
    (place, problem), *others = problems_of(**{name: entry}).items()
    assert (place, others) == (name.replace("_", "-"), [])
    assert "hunter2" not in problem
    assert name == "api_url" or "'a" in problem  # what stands behind the @ says which entry it is


@pytest.mark.parametrize("name", ["base_url", "urls", "dirs", "api_url"])
def test_no_part_of_a_password_in_a_url_is_repeated(name: str) -> None:
    assert "hunter2" not in str(problems_of(**{name: "https://bob:hunter2#x@a.example/"}))


def test_files_need_a_base_url() -> None:
    missing = (
        "it is missing, so the changed files have no URLs. Give the address that `root` is served under, as "
        "https://static.example.com/"
    )
    assert problems_of(base_url="", files="a.html") == {"base-url": missing}
    assert problems_of(base_url="", files_from="list.txt") == {"base-url": missing}
    assert read(base_url="", urls="http://a.example/x").base_url == ()


@pytest.mark.parametrize("values", [{}, {"root": "public"}, {"dry_run": "true"}, {"urls": " \n"}], ids=str)
def test_without_any_address_nothing_would_ever_be_purged(values: dict[str, str]) -> None:
    assert problems_of(base_url="", **values) == {
        "base-url": "it is missing, and so are `urls` and `dirs`: nothing would ever be purged. Give the address that "
        "`root` is served under, as https://static.example.com/; where `urls` may be an empty list, write that as []"
    }


@pytest.mark.parametrize("name", ["urls", "dirs"])
@pytest.mark.parametrize("text", ["[]", "http://a.example/x"])
def test_urls_and_dirs_need_no_base_url(name: str, text: str) -> None:
    assert read(base_url="", **{name: text}).base_url == ()


def test_a_range_that_is_asked_for_stands_alone() -> None:
    assert list(problems_of(base_url="", since="v1.0")) == ["base-url"]
    assert problems_of(since="v1.0", files="a.html") == {
        "since": "it is given beside a list of files. Give one of the two"
    }
    assert read(since="event", files="a.html").since == "event"


def test_files_come_from_one_place() -> None:
    assert problems_of(files="a.html", files_from="list.txt") == {
        "files-from": "it is given beside `files`. Give one of the two"
    }
    assert read(files=" \n", files_from="list.txt").files_from == "list.txt"


@pytest.mark.parametrize(
    ("values", "problems"),
    [
        pytest.param(
            {"files": "a.html"},
            {"manifest": "it is given beside a list of files. Give one of the two"},
            id="beside files",
        ),
        pytest.param(
            {"files_from": "list.txt"},
            {"manifest": "it is given beside a list of files. Give one of the two"},
            id="beside files-from",
        ),
        pytest.param(
            {"since": "v1.0"}, {"manifest": "it is given beside `since`. Give one of the two"}, id="beside since"
        ),
        pytest.param(
            {"base_url": ""},
            {
                "base-url": "it is missing, so the changed files have no URLs. Give the address that `root` is served "
                "under, as https://static.example.com/"
            },
            id="without base-url",
        ),
        pytest.param(
            {"base_url": "", "since": "last-success"},
            {
                "manifest": "it is given beside `since`. Give one of the two",
                "base-url": "it is missing, so the changed files have no URLs. Give the address that `root` is served "
                "under, as https://static.example.com/",
            },
            id="both",
        ),
    ],
)
def test_a_manifest_stands_alone_and_needs_a_base_url(values: dict[str, str], problems: dict[str, str]) -> None:
    assert problems_of(manifest="purged.json", **values) == problems


@pytest.mark.parametrize("values", [{}, {"since": "event"}, {"urls": "http://a.example/x"}], ids=str)
def test_a_manifest_goes_with_the_rest(values: dict[str, str]) -> None:
    assert read(manifest="purged.json", **values).manifest == "purged.json"


@pytest.mark.parametrize("text", ["yes", "Warn", "WARN", "fail", "off", "1", "true warn", "tRUE", '"warn"'])
def test_verify_has_no_other_spelling(text: str) -> None:
    assert problems_of(verify=text) == {"verify": f"{text!r} is not `true`, `false` or `warn`"}


@pytest.mark.parametrize(
    ("text", "verify"),
    [("true", "fail"), ("True", "fail"), ("TRUE", "fail"), ("false", "off"), ("False", "off"), ("FALSE", "off")],
)
def test_verify_has_the_six_spellings_too(text: str, verify: str) -> None:
    assert read(verify=f" {text}\n").verify == verify


@pytest.mark.parametrize("text", ["Status", "PURGE", "verify", "status purge", "prefetch"])
def test_there_is_no_other_command(text: str) -> None:
    assert problems_of(command=text) == {"command": f"{text!r} is not `purge` or `status`"}


@pytest.mark.parametrize(
    ("text", "req_ids"),
    [
        pytest.param("fa97-b5d1", ("fa97-b5d1",), id="one"),
        pytest.param(" a \n\n\tb\r\na\n", ("a", "b"), id="lines, each once"),
        pytest.param('["a","b"]', ("a", "b"), id="the output as it is"),
        pytest.param('[\n"a",\n"b"\n]', ("a", "b"), id="a long output as it is"),
        pytest.param('[" a ", "a", ""]', ("a",), id="JSON, each once"),
        pytest.param("[]", (), id="none, as the output of a run that purged nothing has it"),
        pytest.param(" [ ]\n", (), id="none, with blanks"),
        pytest.param("a" * 128, ("a" * 128,), id="the longest"),
    ],
)
def test_req_ids_are_lines_or_json(text: str, req_ids: tuple[str, ...]) -> None:
    inputs = read(command="status", req_ids=text)
    assert (inputs.command, inputs.req_ids) == ("status", req_ids)


@pytest.mark.parametrize(
    "text",
    [
        "a b",
        "a,b",
        "../x",
        "http://a.example/",
        '["a", "b c"]',
        '["a"',
        "[1]",
        "[null]",
        "{}",
        "-a",
        "\u0663",
        "a\x1b",
        "a" * 129,
        "x" * 100_000 + "!",
    ],
    ids=lambda text: ascii(text)[:20],
)
def test_what_is_no_req_id_is_refused(text: str) -> None:
    problems = problems_of(command="status", req_ids=text)
    assert list(problems) == ["req-ids"]
    assert "is no reqId. Pass the output `req-ids` of the step that purged" in problems["req-ids"]
    assert len(problems["req-ids"]) < 400
    assert problems["req-ids"].isprintable()


@pytest.mark.parametrize("empty", ["", " \n"], ids=["empty", "blank"])
def test_a_status_needs_req_ids(empty: str) -> None:
    assert problems_of(command="status", req_ids=empty) == {
        "req-ids": "it is missing, so there is nothing to ask after. Pass the output `req-ids` of the step that "
        "purged; is that empty, the step did not run"
    }


@pytest.mark.parametrize("req_ids", ["fa97", "[]"])
@pytest.mark.parametrize("command", ["purge", ""])
def test_req_ids_need_a_status(command: str, req_ids: str) -> None:
    assert problems_of(command=command, req_ids=req_ids) == {
        "req-ids": "they are given, but nothing is asked. Add `command: status`"
    }


def test_a_status_is_no_dry_run() -> None:
    assert problems_of(command="status", req_ids="fa97", dry_run="true", token="") == {
        "dry-run": "a dry run asks nobody. Take it out for `command: status`"
    }


def test_a_status_needs_a_token() -> None:
    assert list(problems_of(command="status", req_ids="fa97", token="")) == ["token"]
    assert read(command="status", req_ids="fa97", token="", username="n", password="p").username == "n"


def test_a_status_minds_nothing_that_only_a_purge_needs() -> None:
    inputs = read(command="status", req_ids="fa97", base_url="", since="v1.0", delay="86400", wait="true")
    assert (inputs.req_ids, inputs.wait) == (("fa97",), True)


def test_the_machine_may_find_more_problems() -> None:
    seen = []

    def check(inputs: Inputs) -> Iterator[ZtpurgeError]:
        seen.append(inputs.files_from)
        yield ZtpurgeError("it is not there", place="files-from")
        yield ZtpurgeError("told already", place="retries")

    environ = {
        "INPUT_TOKEN": TOKEN,
        "INPUT_BASE-URL": "http://a.example",
        "INPUT_FILES-FROM": "x",
        "INPUT_RETRIES": "x",
    }
    with pytest.raises(InvalidInputs) as raised:
        parse(environ, check=check)
    assert [(problem.place, problem.cause) for problem in raised.value.problems] == [
        ("retries", "'x' is not a whole number from 0 to 100"),
        ("files-from", "it is not there"),
    ]
    assert seen == ["x"]


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        pytest.param("", (), id="nothing"),
        pytest.param("a\nb\n", ("a", "b"), id="lines"),
        pytest.param("  a b \r\n\r\n\tc\r\n", ("a b", "c"), id="trimmed"),
        pytest.param('["a", " b ", ""]', ("a", " b "), id="JSON"),
        pytest.param('\n[\n"a"\n]\n', ("a",), id="JSON over lines"),
        pytest.param("[]", (), id="empty JSON"),
        pytest.param("[a]", ("[a]",), id="brackets"),
        pytest.param("[1]", ("[1]",), id="JSON of other things"),
        pytest.param("[a]\n[b]", ("[a]", "[b]"), id="brackets on lines"),
        pytest.param("[" * 50_000 + "]" * 50_000, ("[" * 50_000 + "]" * 50_000,), id="deep JSON"),
    ],
)
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
