"""The inputs of a step -> Inputs: one table of names, defaults and readings, every problem reported at once.

The values come as the runner hands them over: `INPUT_<NAME>` with hyphens kept, untrimmed, empty for "not given".
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from ztpurge.changes.lists import FORMATS
from ztpurge.errors import InvalidInputs, ZtpurgeError
from ztpurge.site.patterns import Patterns, parse_include, parse_patterns
from ztpurge.site.serving import INDEX_FILES, Site, parse_folder_url, parse_index_files, parse_root
from ztpurge.site.urls import parse_base, parse_url, quote_given

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

T = TypeVar("T")
Verify = Literal["off", "fail", "warn"]
Summary = Literal["always", "on-failure", "never"]
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_COUNT = re.compile(r"[0-9]{1,9}")
_TOKEN = re.compile(r"[\x21-\x7e]+")
_BYTE_THAT_IS_NOT_UTF_8 = re.compile(r"[\ud800-\udfff]")  # PEP 383: what os.environ makes of one
_PREFIX = "INPUT_"
_MAX_TOLD = 200  # characters
_RUNNERS_OWN = frozenset({"INPUT_ENTRYPOINT", "INPUT_ARGS"})  # of `with: entrypoint` and `args`


def read_boolean(text: str) -> bool:
    """Read one of the six spellings of YAML 1.2's core schema, as actions/toolkit does."""
    spellings = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
    if text.strip() not in spellings:
        raise ZtpurgeError(f"{text.strip()!r} is not `true` or `false`")
    return spellings[text.strip()]


def read_list(text: str) -> tuple[str, ...]:
    """Read one entry a line, or a JSON array of strings."""
    if text.strip().startswith("[") and text.strip().endswith("]"):
        try:
            entries = json.loads(text)
        except (ValueError, RecursionError):
            entries = None  # a pattern such as `[ab]*[cd]` is no JSON
        if isinstance(entries, list) and all(isinstance(entry, str) for entry in entries):
            _refuse_what_is_not_text("".join(entries))
            return tuple(entry for entry in entries if entry.strip())
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def read_token(text: str) -> str:
    """Read the token; never repeat it in an error."""
    token = text.strip()
    if token and not _TOKEN.fullmatch(token):
        raise ZtpurgeError("it holds white space or characters that no token has", remedy="Check the secret")
    return token


def read_github_token(text: str) -> str:
    """Read GitHub's token; without a runner nobody puts one in the place of the default's expression."""
    return "" if text.startswith("${{") else read_token(text)


def read_api_url(text: str) -> str:
    """Read the API's entry, without a closing slash."""
    try:
        url = parse_base(text.strip()).rstrip("/")
    except ZtpurgeError as error:
        raise ZtpurgeError(f"{quote_given(text.strip())}: {error}") from error
    if url.endswith("/cdn_api"):
        raise ZtpurgeError(f"{quote_given(url)} has /cdn_api at its end", remedy="Leave that out")
    return url


def read_index_files(text: str) -> tuple[str, ...]:
    """Read the names of index files, one a line."""
    return parse_index_files(read_list(text))


def read_patterns(text: str) -> tuple[str, ...]:
    """Read patterns; blanks count as .gitignore has it."""
    if text.strip().startswith("[") and text.strip().endswith("]") and '"' in text:
        return read_list(text)
    lines = tuple(line.lstrip().removesuffix("\r") for line in text.split("\n") if line.strip())
    if len(lines) == 1 and ", " in lines[0]:
        raise ZtpurgeError(f"{lines[0]!r} may be one pattern or several", remedy="Write one pattern a line")
    return lines


def read_format(text: str) -> str:
    """Read the name of a list format."""
    if text.strip() not in FORMATS:
        raise ZtpurgeError(f"{text.strip()!r} is none of {', '.join(FORMATS)}")
    return text.strip()


def read_command(text: str) -> str:
    """Read what is to be done."""
    if text.strip() not in {"purge", "status"}:
        raise ZtpurgeError(f"{text.strip()!r} is not `purge` or `status`")
    return text.strip()


def read_verify(text: str) -> Verify:
    """Read whether to look at the edge, and what a stale URL means for the step."""
    if text.strip() == "warn":
        return "warn"
    try:
        return "fail" if read_boolean(text) else "off"
    except ZtpurgeError as error:
        raise ZtpurgeError(f"{text.strip()!r} is not `true`, `false` or `warn`") from error


def read_summary(text: str) -> Summary:
    """Read when to write the job summary."""
    match text.strip():
        case "always" | "on-failure" | "never" as when:
            return when
        case other:
            raise ZtpurgeError(f"{other!r} is not `always`, `on-failure` or `never`")


def read_req_ids(text: str) -> tuple[str, ...] | None:
    """Read reqIds, each once; None if none are given, which an empty list is not."""
    if not text.strip():
        return None
    from ztpurge.cdn.answers import read_req_id  # noqa: PLC0415 - 3 ms that only `command: status` needs

    req_ids = tuple(dict.fromkeys(entry.strip() for entry in read_list(text)))
    wrong = [entry for entry in req_ids if read_req_id(entry) is None]
    if not req_ids and not re.fullmatch(r"\s*\[\s*\]\s*", text):
        wrong = [text.strip()]
    if wrong:
        raise ZtpurgeError(
            f"{wrong[0][:200]!r} is no reqId", remedy="Pass the output `req-ids` of the step that purged"
        )
    return req_ids


def _refuse_what_is_not_text(text: str) -> None:
    if _BYTE_THAT_IS_NOT_UTF_8.search(text):
        raise ZtpurgeError(
            "it is not UTF-8",
            remedy="Write the workflow in UTF-8; only lists of files may hold other bytes",
        )


def _lines(read: Callable[[str], str]) -> Callable[[str], tuple[str, ...]]:
    """Return what reads a list of URLs."""

    def read_lines(text: str) -> tuple[str, ...]:
        entries: dict[str, None] = {}
        problems: list[str] = []
        for entry in read_list(text):
            try:
                entries[read(entry.strip())] = None
            except ZtpurgeError as error:
                problems.append(f"{quote_given(entry)}: {error}")
        if problems:
            raise ZtpurgeError("; ".join(problems))
        return tuple(entries)

    return read_lines


def _number(least: float, most: float, unit: str = "") -> Callable[[str], float]:
    """Return what reads a number of a unit or, without one, a whole number."""
    spelling, kind, what = (_NUMBER, float, "number") if unit else (_COUNT, int, "whole number")

    def read(text: str) -> float:
        value = kind(text.strip()) if spelling.fullmatch(text.strip()) else -1
        if not least <= value <= most:
            raise ZtpurgeError(f"{text.strip()!r} is not a {what} from {least} to {most}{unit}")
        return value

    return read


def _given(read: Callable[[str], Any], default: str = "", *, secret: bool = False) -> Any:  # noqa: ANN401 - as field()
    return field(metadata={"read": read, "default": default}, repr=not secret)


_DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What a step asks for; a field's name with hyphens is the input's. Times are in seconds."""

    token: str = _given(read_token, secret=True)
    username: str = _given(str.strip)
    password: str = _given(str, secret=True)
    api_url: str = _given(read_api_url, "http://cdnapi.ztgame.com.cn")
    base_url: tuple[str, ...] = _given(_lines(parse_folder_url))
    root: str = _given(lambda text: parse_root(text.strip()), ".")
    include: Patterns | None = _given(lambda text: parse_include(read_patterns(text)))
    exclude: Patterns | None = _given(lambda text: parse_patterns(read_patterns(text)))
    index_files: tuple[str, ...] = _given(read_index_files, "\n".join(INDEX_FILES))
    clean_urls: bool = _given(read_boolean, "false")
    config: str = _given(str.strip)
    files: str = _given(str)
    files_from: str = _given(str.strip)
    files_format: str = _given(read_format, "auto")
    since: str = _given(str.strip, "event")
    github_token: str = _given(read_github_token, "${{ github.token }}", secret=True)
    manifest: str = _given(str.strip)
    urls: tuple[str, ...] = _given(_lines(parse_url))
    dirs: tuple[str, ...] = _given(_lines(parse_folder_url))
    max_requests: int = _given(_number(0, 1_000_000), "0")
    max_urls: int = _given(_number(1, 1_000_000), "10000")
    concurrency: int = _given(_number(1, 64), "4")
    pace: float = _given(_number(0, 3600, " seconds"), "0")
    retries: int = _given(_number(0, 100), "4")
    request_timeout: float = _given(_number(0.1, 3600, " seconds"), "100")
    timeout: float = _given(_number(1, _DAY, " seconds"), "900")
    delay: float = _given(_number(0, _DAY, " seconds"), "0")
    wait: bool = _given(read_boolean, "false")
    wait_timeout: float = _given(_number(1, _DAY, " seconds"), "300")
    verify: Verify = _given(read_verify, "false")
    verify_timeout: float = _given(_number(1, _DAY, " seconds"), "120")
    prefetch: bool = _given(read_boolean, "false")
    dry_run: bool = _given(read_boolean, "false")
    fail_on_error: bool = _given(read_boolean, "true")
    report_file: str = _given(str.strip)
    summary: Summary = _given(read_summary, "always")
    command: str = _given(read_command, "purge")
    req_ids: tuple[str, ...] | None = _given(read_req_ids)

    @property
    def has_list(self) -> bool:
        """Whether the changed files are given as a list."""
        return bool(self.files.strip() or self.files_from)

    @property
    def site(self) -> Site | None:
        """The site that the inputs describe; None without `base-url`."""
        if not self.base_url:
            return None
        return Site(
            base_urls=self.base_url,
            root=self.root,
            include=self.include,
            exclude=self.exclude,
            index_files=self.index_files,
            clean_urls=self.clean_urls,
        )


def table() -> dict[str, str]:
    """Return each input's name with its default, in the order of the documentation."""
    return {row.name.replace("_", "-"): row.metadata["default"] for row in fields(Inputs)}


def options_of(environ: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return what a step gives for inputs that have another default, each in one line; no secret, nor who logs in."""
    told = []
    for row, (name, default) in zip(fields(Inputs), table().items(), strict=True):
        text = environ.get(_variable(name), "").strip()
        if text and text != default and row.repr and name != "username":
            told.append((name, " ".join(text[:_MAX_TOLD].split()) + ("..." if len(text) > _MAX_TOLD else "")))
    return tuple(told)


def parse(
    environ: Mapping[str, str], *, check: Callable[[Inputs, frozenset[str]], Iterator[ZtpurgeError]] | None = None
) -> Inputs:
    """Read the inputs of a step; raise InvalidInputs with every problem.

    `check` may add problems that only the machine can tell, such as a file that is not there; it is also handed the
    names of the inputs that are neither empty nor as their defaults.
    """
    values: dict[str, Any] = {}
    misspelt = _misspelt(environ)
    problems = [problem for _, problem in misspelt]
    for row, (name, default) in zip(fields(Inputs), table().items(), strict=True):
        read, text = row.metadata["read"], environ.get(_variable(name), "")
        try:
            if name != "files":  # a list of paths may hold any byte
                _refuse_what_is_not_text(text)
            values[row.name] = read(text if text.strip() else default)
        except ZtpurgeError as error:
            problems.append(error.at(name))
            values[row.name] = read(default)  # so that the other inputs can still be looked at
    inputs = Inputs(**values)
    broken = {problem.place for problem in problems} | {meant for meant, _ in misspelt if meant}
    # the runner hands every input over, those that a step leaves out with their defaults
    given = frozenset(
        name for name, default in table().items() if environ.get(_variable(name), "").strip() not in {"", default}
    )
    checks = [*_contradictions(inputs, broken), *(check(inputs, given) if check else ())]
    problems += [problem for problem in checks if problem.place not in broken]
    if problems:
        raise InvalidInputs(tuple(problems))
    return inputs


def _variable(name: str) -> str:
    return f"{_PREFIX}{name.upper()}"


def _misspelt(environ: Mapping[str, str]) -> list[tuple[str, ZtpurgeError]]:
    """Return what is wrong with the variables of inputs that there are not, each after the input that may be meant.

    Ignored, a misspelt `dry_run: true` would make the purge a real one. Values are not read: one may be a secret.
    """
    known = {*map(_variable, table()), *_RUNNERS_OWN}
    # without hyphens, which are what is most often left out or written as `_`
    plain = {name.replace("-", ""): name for name in table()}
    found = []
    for variable in sorted(name for name in environ if name.startswith(_PREFIX) and name not in known):
        import difflib  # noqa: PLC0415 - for those who misspell

        given = variable.removeprefix(_PREFIX)
        alike = difflib.get_close_matches(re.sub(r"[-_ ]", "", given[:100].lower()), plain, n=1)
        nearest = plain[alike[0]] if alike else ""
        meant = f"Write `{nearest}` (the variable {_variable(nearest)})" if nearest else "The README lists the inputs"
        remedy = f"{meant}, or take it out of `with:` or `env:`"
        # the runner writes names in capitals; who writes the variables by hand is shown what stands there
        shown = ascii(given.lower() if given and given == given.upper() else variable)[1:-1][:100]
        found.append((nearest, ZtpurgeError("there is no input of this name", remedy=remedy, place=shown)))
    return found


def _contradictions(inputs: Inputs, broken: set[str]) -> Iterator[ZtpurgeError]:
    """Yield what does not go together, judging by no input that is broken itself."""
    yield from _login_problems(inputs, broken)
    if inputs.command == "status":
        yield from _status_problems(inputs)
        return
    if inputs.req_ids is not None and "command" not in broken:
        yield ZtpurgeError("they are given, but nothing is asked", remedy="Add `command: status`", place="req-ids")
    yield from _source_problems(inputs)
    if inputs.delay >= inputs.timeout and "timeout" not in broken:
        yield ZtpurgeError("it leaves nothing of `timeout`", remedy="Lower it, or raise `timeout`", place="delay")


def _status_problems(inputs: Inputs) -> Iterator[ZtpurgeError]:
    if inputs.req_ids is None:
        yield ZtpurgeError(
            "it is missing, so there is nothing to ask after",
            remedy="Pass the output `req-ids` of the step that purged; if that is empty, the step did not run",
            place="req-ids",
        )
    if inputs.dry_run:
        yield ZtpurgeError("a dry run asks nobody", remedy="Take it out for `command: status`", place="dry-run")
    for name, is_given in (("verify", inputs.verify != "off"), ("prefetch", inputs.prefetch)):
        if is_given:
            yield ZtpurgeError("it is for URLs that this step purges", remedy="Give it to that step", place=name)


def _source_problems(inputs: Inputs) -> Iterator[ZtpurgeError]:
    """Yield what is wrong with where the changed files come from."""
    if inputs.files.strip() and inputs.files_from:
        yield ZtpurgeError("it is given beside `files`", remedy="Give one of the two", place="files-from")
    if inputs.since != "event" and inputs.has_list:
        yield ZtpurgeError("it is given beside a list of files", remedy="Give one of the two", place="since")
    if inputs.manifest and (inputs.has_list or inputs.since != "event"):
        beside = "a list of files" if inputs.has_list else "`since`"
        yield ZtpurgeError(f"it is given beside {beside}", remedy="Give one of the two", place="manifest")


def _login_problems(inputs: Inputs, broken: set[str]) -> Iterator[ZtpurgeError]:
    if inputs.token and (inputs.username or inputs.password):
        yield ZtpurgeError("it is given beside `username` or `password`", remedy="Give one of the two", place="token")
    elif bool(inputs.username) != bool(inputs.password):
        missing = "password" if inputs.username else "username"
        yield ZtpurgeError("it is missing or empty", remedy="Pass both as repository secrets", place=missing)
    elif not inputs.token and not inputs.username and not inputs.dry_run and "dry-run" not in broken:
        yield ZtpurgeError(
            "it is missing or empty",
            remedy="Pass a repository secret (runs for forks and Dependabot get none; `dry-run: true` needs none)",
            place="token",
        )
