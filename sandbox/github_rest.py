"""GitHub's REST API over one repository, from request to answer; connections, faults and the record are not its own."""

import base64
import gzip
import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import ClassVar, TypeVar
from urllib.parse import parse_qsl, unquote_to_bytes

from sandbox.answers import Refused
from sandbox.github_objects import Entry, GitObjects
from sandbox.wire import Headers, Reply, Request

DOCUMENTATION = "https://docs.github.com/rest"
NO_USER_AGENT = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.\n"
COMPRESSED_FROM = 1024
_T = TypeVar("_T")
_REPOSITORY = re.compile(r"/repos/(?P<name>[^/]+/[^/]+)(?P<rest>/.*)")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a workflow; without a number it counts from the oldest of its list, and a minute apart."""

    head_sha: str
    branch: str = "main"
    workflow: str = "purge.yml"
    event: str = "push"
    status: str = "completed"
    conclusion: str | None = "success"
    run_id: int = 0
    head_repository: str = "owner/site"
    attempt: int = 1
    created_at: str = ""
    started_at: str = ""  # of the attempt, else when the run was created
    updated_at: str = ""  # else when the attempt started


@dataclass(frozen=True, slots=True)
class Release:
    """One release; a draft has no date of publication."""

    tag: str
    draft: bool = False
    prerelease: bool = False
    created_at: str = "2026-01-01T00:00:00Z"
    published_at: str | None = None
    target: str = "main"


@dataclass(frozen=True, slots=True)
class Settings:
    """What there is besides git's objects, and who may see it."""

    name: str
    token: str
    truncate_at: int
    page_size: int
    runs: tuple[Run, ...]
    releases: tuple[Release, ...]
    permissions: frozenset[str]


@dataclass(frozen=True, slots=True)
class Ask:
    """A request in good order: what is behind the route, still percent-encoded, and its query."""

    rest: str
    query: Mapping[str, str]
    accept: str
    base: str  # the repository's own URL

    @property
    def name(self) -> bytes:
        """The rest as the bytes that it stands for."""
        return unquote_to_bytes(self.rest.encode("latin-1"))

    def number(self, key: str, default: int) -> int:
        """Return a number of the query; what is none counts as not given."""
        text = self.query.get(key, "")
        return int(text) if text.isascii() and text.isdigit() else default


def numbered(runs: Iterable[Run]) -> Iterator[Run]:
    """Give each run, the newest first, the number and the times that it was not given."""
    listed = tuple(runs)
    for left, run in zip(range(len(listed), 0, -1), listed, strict=True):
        number = run.run_id or left
        first = run.started_at if run.attempt == 1 else ""
        moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
        created = run.created_at or first or moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        started = run.started_at or created
        yield replace(run, run_id=number, created_at=created, started_at=started, updated_at=run.updated_at or started)


class Allowance:
    """How many requests are left until a moment that never comes."""

    def __init__(self, limit: tuple[int, int] | None) -> None:
        self._lock = threading.Lock()
        self._limit, self._reset = limit or (0, 0)
        self._left = self._limit
        self._counts = limit is not None

    def take(self) -> bool:
        """Count a request, and tell whether it was still allowed."""
        with self._lock:
            if not self._counts:
                return True
            allowed = self._left > 0
            self._left -= allowed
            return allowed

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """What every answer says about it."""
        if not self._counts:
            return ()
        with self._lock:
            left = self._left
        return (
            ("x-ratelimit-limit", str(self._limit)),
            ("x-ratelimit-remaining", str(left)),
            ("x-ratelimit-used", str(self._limit - left)),
            ("x-ratelimit-reset", str(self._reset)),
            ("x-ratelimit-resource", "core"),
        )


class GitHubRest:
    """Answers as api.github.com does; another forge is a class of its own that says what differs."""

    prefix: ClassVar[str] = ""
    needs_user_agent: ClassVar[bool] = True
    largest_page: ClassVar[int] = 100
    page_key: ClassVar[str] = "per_page"

    def __init__(self, objects: GitObjects, settings: Settings, *, allowance: Allowance) -> None:
        self.objects = objects
        self.settings = settings
        self._allowance = allowance
        self.permissions = settings.permissions | {
            name.removesuffix("-write") for name in settings.permissions if name.endswith("-write")
        }

    def answer(self, request: Request, *, url: str) -> Reply:
        """Answer a request to the server at `url`, or refuse it."""
        try:
            reply = self._dispatch(request, url=url)
        except Refused as refusal:
            reply = refusal.reply
        reply = Reply(reply.status, headers=Headers((*reply.headers.pairs, *self._allowance.headers)), body=reply.body)
        return _compressed(reply) if "gzip" in request.headers.get("Accept-Encoding", "") else reply

    def _dispatch(self, request: Request, *, url: str) -> Reply:
        if self.needs_user_agent and not request.headers.get("User-Agent"):
            raise Refused(text(403, NO_USER_AGENT, kind="text/html"))
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() not in {"bearer", "token"} or token.strip() != self.settings.token:
            raise Refused(self.error(401, "Bad credentials"))
        if not self._allowance.take():
            raise Refused(self.error(403, "API rate limit exceeded for installation."))
        return self._find(request, url=url)

    def _find(self, request: Request, *, url: str) -> Reply:
        found = _REPOSITORY.fullmatch(request.path.removeprefix(self.prefix))
        at_home = request.path.startswith(self.prefix) and found is not None
        if request.method != "GET" or found is None or not at_home:
            raise Refused(self.not_found())
        # Names of owners and repositories are the same in any case.
        if found["name"].lower() != self.settings.name.lower():
            raise Refused(self.not_found())
        query = request.target.partition(b"?")[2].decode(errors="surrogateescape")
        return self.route(
            Ask(
                found["rest"],
                query=dict(parse_qsl(query, keep_blank_values=True, errors="surrogateescape")),
                accept=request.headers.get("Accept", ""),
                base=f"{url}{self.prefix}/repos/{self.settings.name}",
            )
        )

    def route(self, ask: Ask) -> Reply:
        """Answer a request for something of the repository."""
        match ask.rest.split("/")[1:]:
            case ["git", "trees", _, *_]:
                return self.tree(behind(ask, "/git/trees/"))
            case ["git", "blobs", _]:
                return self.blob(behind(ask, "/git/blobs/"))
            case ["git", "ref", "heads" | "tags", _, *_]:
                return self._ref(behind(ask, "/git/ref/"))
            case ["commits", _, *_]:
                return self._commit(behind(ask, "/commits/"))
            case ["actions", "workflows", _, "runs"]:
                return self._runs(behind(ask, "/actions/workflows/", "/runs"))
            case ["releases"]:
                return self.releases(ask)
        raise Refused(self.not_found())

    def error(self, status: int, message: str) -> Reply:
        """Word a refusal."""
        document = {"message": message, "documentation_url": DOCUMENTATION, "status": str(status)}
        return document_reply(document, status=status)

    def not_found(self) -> Reply:
        """Word the refusal of what is not there, or not for this client to see."""
        return self.error(404, HTTPStatus.NOT_FOUND.phrase)

    def demand(self, permission: str) -> None:
        """Refuse a request whose token may not read this."""
        if permission not in self.permissions:
            reply = self.error(403, "Resource not accessible by integration")
            accepted = ("x-accepted-github-permissions", f"{permission}=read")
            raise Refused(Reply(reply.status, headers=Headers((*reply.headers.pairs, accepted)), body=reply.body))

    def tree(self, ask: Ask) -> Reply:
        """List a tree, up to a number of entries."""
        self.demand("contents")
        sha = self.objects.find(ask.name, kind="tree")
        if sha is None:
            raise Refused(self.not_found())
        entries = self.objects.entries(sha, recursive="recursive" in ask.query)
        shown = entries[: self.settings.truncate_at]
        return document_reply(
            {
                "sha": sha,
                "url": f"{ask.base}/git/trees/{sha}",
                "tree": [_entry_document(entry, base=ask.base) for entry in shown],
                "truncated": len(shown) < len(entries),
            }
        )

    def blob(self, ask: Ask) -> Reply:
        """Give a file's content by its blob."""
        self.demand("contents")
        sha = self.objects.find(ask.name, kind="blob")
        if sha is None:
            raise Refused(self.not_found())
        data = self.objects.blob(sha)
        content = base64.encodebytes(data).decode()  # in lines, as GitHub has it
        return document_reply({"sha": sha, "size": len(data), "encoding": "base64", "content": content})

    def _ref(self, ask: Ask) -> Reply:
        """Tell what a ref points to: a tag's own object if it has one."""
        self.demand("contents")
        found = self.ref_document(ask)
        if found is None:
            raise Refused(self.not_found())
        return document_reply(found)

    def ref_document(self, ask: Ask) -> dict[str, object] | None:
        """Describe a ref, None if it is not there."""
        sha = self.objects.ref(b"refs/" + ask.name)
        if sha is None:
            return None
        kind = "commit" if self.objects.find(sha.encode(), kind="commit") == sha else "tag"
        name = f"refs/{ask.name.decode(errors='replace')}"
        return {"ref": name, "object": {"sha": sha, "type": kind, "url": f"{ask.base}/git/{kind}s/{sha}"}}

    def _commit(self, ask: Ask) -> Reply:
        self.demand("contents")
        sha = self.objects.find(ask.name, kind="commit")
        if sha is None:
            raise Refused(self.error(422, f"No commit found for SHA: {ask.name.decode(errors='replace')}"))
        if re.search(r"application/vnd\.github\.(v3\.)?sha\b", ask.accept):
            return text(200, sha, kind="application/vnd.github.sha")
        return document_reply(self.commit_document(sha, url=f"{ask.base}/commits/{sha}"))

    def commit_document(self, sha: str, *, url: str) -> dict[str, object]:
        """Describe a commit that is there."""
        return {"sha": sha, "url": url, "commit": {"tree": {"sha": self.objects.find(sha.encode(), kind="tree")}}}

    def _runs(self, ask: Ask) -> Reply:
        self.demand("actions")
        file = ask.name.decode(errors="replace")
        runs = [run for run in self.settings.runs if run.workflow == file]
        if not runs and not self.objects.has_file(b".github/workflows/" + ask.name):
            raise Refused(self.not_found())
        runs = [run for run in runs if _fits(run, ask.query)]
        shown = [_run_document(run, repository=self.settings.name) for run in self.page(runs, ask)]
        return document_reply({"total_count": len(runs), "workflow_runs": shown})

    def releases(self, ask: Ask) -> Reply:
        """List the releases; drafts are for those who may edit them."""
        self.demand("contents")
        drafts = "contents-write" in self.permissions
        releases = [release for release in self.settings.releases if drafts or not release.draft]
        return document_reply([_release_document(release) for release in self.page(releases, ask)])

    def page(self, items: Sequence[_T], ask: Ask) -> Sequence[_T]:
        """Cut out the page that a request asks for."""
        size = min(ask.number(self.page_key, 30) or 30, self.largest_page)
        start = (max(ask.number("page", 1), 1) - 1) * size
        return items[start : start + size]


def behind(ask: Ask, start: str, end: str = "") -> Ask:
    """Strip the words of a route, so that what varies is left."""
    return Ask(ask.rest.removeprefix(start).removesuffix(end), query=ask.query, accept=ask.accept, base=ask.base)


def document_reply(document: object, *, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> Reply:
    """Answer with a JSON document, not-ASCII characters as they are."""
    reply = text(status, json.dumps(document, ensure_ascii=False), kind="application/json")
    return Reply(status, headers=Headers((*reply.headers.pairs, *headers)), body=reply.body)


def text(status: int, body: str, *, kind: str) -> Reply:
    """Answer with a text."""
    return Reply(status, headers=Headers((("Content-Type", f"{kind}; charset=utf-8"),)), body=body.encode())


def _entry_document(entry: Entry, *, base: str) -> dict[str, object]:
    document: dict[str, object] = {
        "path": entry.path.decode(errors="replace"),
        "mode": entry.mode,
        "type": entry.kind,
        "sha": entry.sha,
    }
    if entry.size is not None:
        document["size"] = entry.size
    if entry.kind != "commit":  # a submodule's commit is in another repository
        document["url"] = f"{base}/git/{entry.kind}s/{entry.sha}"
    return document


def _fits(run: Run, query: Mapping[str, str]) -> bool:
    wanted = {"branch": {run.branch}, "event": {run.event}, "head_sha": {run.head_sha}}
    wanted["status"] = {run.status, run.conclusion or ""}  # one parameter for both
    return all(query[key] in values for key, values in wanted.items() if query.get(key))


def _run_document(run: Run, *, repository: str) -> dict[str, object]:
    return {
        "id": run.run_id,
        "run_number": run.run_id,  # GitHub counts those of a workflow apart
        "head_sha": run.head_sha,
        "head_branch": run.branch,
        "event": run.event,
        "status": run.status,
        "conclusion": run.conclusion,
        "run_attempt": run.attempt,
        "created_at": run.created_at,
        "run_started_at": run.started_at,
        "updated_at": run.updated_at,
        "path": f".github/workflows/{run.workflow}",
        "head_repository": {"full_name": run.head_repository},
        "repository": {"full_name": repository},
    }


def _release_document(release: Release) -> dict[str, object]:
    return {
        "tag_name": release.tag,
        "target_commitish": release.target,
        "draft": release.draft,
        "prerelease": release.prerelease,
        "created_at": release.created_at,
        "published_at": release.published_at,
    }


def _compressed(reply: Reply) -> Reply:
    if len(reply.body) <= COMPRESSED_FROM:
        return reply
    headers = (*reply.headers.pairs, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
    return Reply(reply.status, headers=Headers(headers), body=gzip.compress(reply.body, mtime=0))
