"""Stand-ins for the APIs of GitHub and Gitea, on loopback over a real repository, for as long as they are entered.

They answer what ztpurge asks for, in full as GitHub's own description has it (`test_github.py` holds them against it);
connections, faults and the record of requests are the sandbox's.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import threading
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl, unquote

from sandbox.answers import Refused
from sandbox.api import Answer
from sandbox.faults import Fault, Script
from sandbox.listener import Listener, Opened
from sandbox.record import Call, Record
from sandbox.switchboard import Switchboard
from sandbox.wire import Headers, Reply
from tests.standins.repositories import Repository

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from sandbox.api import Terms
    from sandbox.wire import Request

ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
NO_NAME = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|^[-/]|/$|//")  # git would read an expression into these
OF_A_USER = "avatar events followers following gists html organizations received_events repos starred subscriptions"
OF_A_REPOSITORY = (
    "archive assignees blobs branches collaborators comments commits compare contents contributors deployments"
    " downloads events forks git_commits git_refs git_tags hooks html issue_comment issue_events issues keys labels"
    " languages merges milestones notifications pulls releases stargazers statuses subscribers subscription tags teams"
    " trees"
)
OF_A_RUN = "html jobs logs check_suite cancel rerun artifacts workflow"
OF_A_RELEASE = "assets upload tarball zipball html"


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


@dataclass(frozen=True, slots=True)
class Release:
    """One release; a draft, which only those see who may write, has no date of publication."""

    tag: str
    draft: bool = False
    prerelease: bool = False
    created_at: str = "2026-01-01T00:00:00Z"
    published_at: str | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment, and what was said of it as `(id, state, when)`, the earliest first."""

    id: int
    sha: str
    environment: str = "production"
    created_at: str = "2026-01-01T00:00:00Z"
    said: tuple[tuple[int, str, str], ...] = ()
    task: str = "deploy"


@dataclass(frozen=True, slots=True)
class Ask:
    """A request in good order: its query, and the URL of the repository."""

    query: Mapping[str, str]
    base: str

    def page(self, items: Sequence[Any], *, size: int = 30, most: int = 100) -> Sequence[Any]:
        """Cut out the page that is asked for."""
        size = min(int(self.query.get("per_page", size)), most)
        start = (int(self.query.get("page", 1)) - 1) * size
        return items[start : start + size]


@dataclass(frozen=True)
class GitHub:
    """Answers as api.github.com does, for one repository and one token."""

    repository: Repository
    name: str = "owner/site"
    token: str = "gh-token"
    permissions: Collection[str] = ("contents", "actions", "deployments")
    truncate_at: int = 100_000
    page_size: int = 1000
    runs: Sequence[Run] = ()
    releases: Sequence[Release] = ()
    deployments: Sequence[Deployment] = ()

    prefix: ClassVar[str] = ""
    # paths as the description has them: which permission each takes, the method that answers, the parameters it reads
    routes: ClassVar[dict[str, tuple[str, str, set[str]]]] = {
        "/git/trees/{tree_sha}": ("contents", "tree", {"recursive"}),
        "/git/blobs/{file_sha}": ("contents", "blob", set()),
        "/git/ref/{ref}": ("contents", "ref", set()),
        "/commits/{ref}": ("contents", "commit", set()),
        "/actions/workflows/{workflow_id}/runs": (
            "actions",
            "workflow_runs",
            {"branch", "event", "head_sha", "per_page", "page"},
        ),
        "/releases": ("contents", "release_list", {"per_page", "page"}),
        "/deployments": ("deployments", "deployment_list", {"environment", "per_page", "page"}),
        "/deployments/{deployment_id}/statuses": ("deployments", "deployment_statuses", {"per_page", "page"}),
    }

    def answer(self, request: Request, _: Terms) -> Answer:
        try:
            reply = reply_with(200, self._document(request))
        except Refused as refusal:
            reply = refusal.reply
        if len(reply.body) > 1024 and "gzip" in request.headers.get("Accept-Encoding", ""):
            headers = Headers((*reply.headers.pairs, ("Content-Encoding", "gzip")))
            reply = Reply(reply.status, headers=headers, body=gzip.compress(reply.body, mtime=0))
        return Answer(reply)

    def _document(self, request: Request) -> object:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            raise self.refusal(401, "Bad credentials")
        for template, (permission, method, parameters) in self.routes.items():
            varying = re.sub(r"\{(\w+)\}", lambda name: "(.+)" if name[1] == "ref" else "([^/]+)", template)
            found = re.fullmatch(f"{self.prefix}/repos/{self.name}{varying}", request.path)
            if found is None or request.method != "GET":
                continue
            query = dict(parse_qsl(request.target.partition(b"?")[2].decode(), keep_blank_values=True))
            if unknown := query.keys() - parameters:
                raise self.refusal(501, f"no stand-in for {unknown}")
            if permission not in self.permissions:
                raise self.refusal(403, "Resource not accessible by integration")
            ask = Ask(query, f"http://{request.headers['Host']}{self.prefix}/repos/{self.name}")
            return getattr(self, method)(ask, *(unquote(name, errors="surrogateescape") for name in found.groups()))
        raise self.refusal(404, "Not Found")

    def refusal(self, status: int, message: str) -> Refused:
        return Refused(reply_with(status, {"message": message, "documentation_url": "https://docs.github.com/rest"}))

    def find(self, name: str, kind: str) -> str:
        """Return the id of the commit, tree or blob that an id, branch or tag leads to, or refuse.

        A branch goes before a tag, and both before part of an id.
        """
        names = [name]
        if not ID.fullmatch(name):
            is_whole = name == "HEAD" or name.startswith("refs/") or re.fullmatch(r"[0-9a-f]{4,}", name)
            names = [f"refs/heads/{name}", f"refs/tags/{name}", f"refs/{name}", *([name] if is_whole else [])]
        found = None if NO_NAME.search(name) else self._first(*(f"{one}^{{{kind}}}" for one in names))
        if found is None:
            raise self.refusal(404, "Not Found")
        return found

    def _first(self, *names: str) -> str | None:
        asked = "".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape")
        said = self.repository.git("cat-file", "--batch-check=%(objectname)", data=asked).splitlines()
        return next((line for line in said if ID.fullmatch(line)), None)  # the others say `missing` or `ambiguous`

    def entries(self, ask: Ask, tree: str) -> list[dict[str, object]]:
        """List a tree in git's order, if asked with those below it."""
        recursive = ("-r", "-t") if "recursive" in ask.query else ()
        listed = self.repository.read("ls-tree", "-z", "--long", "--full-tree", *recursive, tree)
        return [self.entry(line, ask.base) for line in listed.split(b"\0")[:-1]]

    def entry(self, line: bytes, base: str) -> dict[str, object]:
        """Describe an entry; a submodule's commit is in another repository, and has no URL."""
        facts, _, path = line.partition(b"\t")
        mode, kind, sha, size = facts.decode().split()
        document: dict[str, object] = {"path": path.decode(errors="replace"), "mode": mode, "type": kind, "sha": sha}
        url = {} if kind == "commit" else {"url": f"{base}/git/{kind}s/{sha}"}
        return document | url | ({"size": int(size)} if kind == "blob" else {})

    def tree(self, ask: Ask, name: str) -> object:
        """List a tree, up to a number of entries."""
        sha = self.find(name, "tree")
        entries = self.entries(ask, sha)
        shown = entries[: self.truncate_at]
        truncated = len(shown) < len(entries)
        return {"sha": sha, "url": f"{ask.base}/git/trees/{sha}", "tree": shown, "truncated": truncated}

    def blob(self, ask: Ask, name: str) -> object:
        """Give a file's content, in lines of base64."""
        sha = self.find(name, "blob")
        data = self.repository.read("cat-file", "blob", sha)
        document = {"content": base64.encodebytes(data).decode(), "encoding": "base64", "sha": sha, "size": len(data)}
        return document | {"url": f"{ask.base}/git/blobs/{sha}", "node_id": "B_1"}

    def ref(self, ask: Ask, name: str) -> object:
        """Tell what a branch or tag points to: a tag's own object if it has one."""
        sha = None if NO_NAME.search(name) else self._first(f"refs/{name}")
        if sha is None:
            raise self.refusal(404, "Not Found")
        kind = self.repository.git("cat-file", "-t", sha)
        url = f"{ask.base}/git/refs/{name}"
        target = {"sha": sha, "type": kind, "url": f"{ask.base}/git/{kind}s/{sha}"}
        return {"ref": f"refs/{name}", "node_id": "R_1", "url": url, "object": target}

    def commit(self, ask: Ask, name: str) -> object:
        try:
            sha = self.find(name, "commit")
        except Refused:
            raise self.refusal(422, f"No commit found for SHA: {name}") from None
        tree, parents, author, mail, date, message = self.repository.git(
            "show", "--no-patch", "--format=%T%x00%P%x00%an%x00%ae%x00%aI%x00%s", sha
        ).split("\0")
        who = {"name": author, "email": mail, "date": date}
        url = f"{ask.base}/commits/{sha}"
        return {
            "sha": sha,
            "node_id": "C_1",
            "url": url,
            "html_url": url,
            "comments_url": f"{url}/comments",
            "author": None,
            "committer": None,  # nobody who is known by that address
            "parents": [{"sha": one, "url": f"{ask.base}/commits/{one}"} for one in parents.split()],
            "commit": {
                "author": who,
                "committer": who,
                "message": message,
                "comment_count": 0,
                "url": f"{ask.base}/git/commits/{sha}",
                "tree": {"sha": tree, "url": f"{ask.base}/git/trees/{tree}"},
            },
        }

    def workflow_runs(self, ask: Ask, workflow: str) -> object:
        """List the runs of a workflow, the newest first."""
        runs = [run for run in self.runs if run.workflow == workflow]
        if not runs:
            raise self.refusal(404, "Not Found")
        for key in ("branch", "event", "head_sha"):
            runs = [run for run in runs if ask.query.get(key, "") in {"", getattr(run, key)}]
        return {"total_count": len(runs), "workflow_runs": [_run(run, self.name, ask.base) for run in ask.page(runs)]}

    def release_list(self, ask: Ask) -> object:
        """List the releases, the newest first."""
        shown = [release for release in self.releases if not release.draft]
        return [_release(release, ask.base) for release in ask.page(shown)]

    def deployment_list(self, ask: Ask) -> object:
        """List the deployments, the newest first by creation."""
        name = ask.query.get("environment", "")
        found = [one for one in self.deployments if name in {"", one.environment}]
        newest = sorted(found, key=lambda deployment: deployment.id, reverse=True)
        return [_deployment(deployment, ask.base) for deployment in ask.page(newest)]

    def deployment_statuses(self, ask: Ask, deployment_id: str) -> object:
        """List what was said of a deployment, the newest first."""
        found = next((one for one in self.deployments if str(one.id) == deployment_id), None)
        if found is None:
            raise self.refusal(404, "Not Found")
        return [_status(found, said, ask.base) for said in ask.page(found.said[::-1])]


class Gitea(GitHub):
    """Answers as a Gitea server does, which pages trees."""

    prefix = "/api/v1"
    routes: ClassVar[dict[str, tuple[str, str, set[str]]]] = {
        "/git/trees/{sha}": ("contents", "tree", {"recursive", "page", "per_page"}),
        "/git/blobs/{sha}": ("contents", "blob", set()),
        "/git/refs/{ref}": ("contents", "ref", set()),
        "/git/commits/{sha}": ("contents", "commit", set()),
    }

    def refusal(self, status: int, message: str) -> Refused:
        status = 404 if status == 422 else status
        return Refused(reply_with(status, {"message": message, "url": "http://localhost:3000/api/swagger"}))

    def entry(self, line: bytes, base: str) -> dict[str, object]:
        """Describe an entry; each has a size and a URL, if an empty one."""
        return {"url": "", "size": 0} | super().entry(line, base)

    def tree(self, ask: Ask, name: str) -> object:
        """List one page of a tree; a page that has nothing is null, as Go writes it."""
        try:
            sha = self.find(name, "tree")
        except Refused:
            raise self.refusal(400, f"sha not found [{name}]") from None
        entries = self.entries(ask, sha)
        shown = ask.page(entries, size=self.page_size, most=self.page_size)
        page = int(ask.query.get("page", 1))
        document = {"sha": sha, "url": f"{ask.base}/git/trees/{sha}", "tree": shown or None, "page": page}
        return document | {"truncated": page * self.page_size < len(entries), "total_count": len(entries)}


class GitHubApi(Opened):
    """The API of one repository; its address is there while it is entered."""

    def __init__(
        self,
        folder: Path,
        *,
        flavour: str = "github",
        runs: Iterable[Run] = (),
        faults: Iterable[Fault] = (),
        **served: Any,  # noqa: ANN401 - the other fields of what answers
    ) -> None:
        forge = GitHub if flavour == "github" else Gitea
        self._forge = forge(Repository(folder, init=False), runs=tuple(numbered(tuple(runs))), **served)
        self._record, self._script, self._closing = Record(), Script(), threading.Event()
        switchboard = Switchboard(
            self._forge.answer, script=self._script, record=self._record, shape="documented", latency=0,
            closing=self._closing, settle=lambda: None, turn=nullcontext(),
        )  # fmt: skip
        self._listener = Listener(switchboard.serve, bind="127.0.0.1", port=0)
        self.add_faults(*faults)

    def open_parts(self, stack: ExitStack) -> None:
        stack.enter_context(self._listener)
        stack.callback(self._closing.set)  # first of all at the end: whoever waits goes home

    @property
    def url(self) -> str:
        """Where the API is, as GITHUB_API_URL says it."""
        return self._listener.url + self._forge.prefix

    @property
    def requests(self) -> tuple[Call, ...]:
        """Every request in order of arrival, those under way included."""
        return self._record.calls

    def wait_for_requests(self, count: int) -> bool:
        """Wait until so many requests have arrived, and tell whether they did in time."""
        return self._record.wait_for(count, timeout=30)

    def add_faults(self, *faults: Fault) -> None:
        """Append faults to the script, each for the requests to its `path` or below, for any when it names none."""
        for fault in faults:
            path = "/" if fault.path == Fault("reset").path else fault.path
            phrase = HTTPStatus(fault.status or 503).phrase
            self._script.add([replace(fault, path=path, body=fault.body or json.dumps({"message": phrase}))])


def reply_with(status: int, document: object) -> Reply:
    """Answer with JSON, not-ASCII characters as they are."""
    headers = Headers((("Content-Type", "application/json; charset=utf-8"),))
    return Reply(status, headers=headers, body=json.dumps(document, ensure_ascii=False).encode())


def numbered(runs: Sequence[Run]) -> Iterator[Run]:
    """Give each run, the newest first, the number and the times that it was not given."""
    for left, run in zip(range(len(runs), 0, -1), runs, strict=True):
        number = run.run_id or left
        moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
        first = run.started_at if run.attempt == 1 else ""
        created = run.created_at or first or moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        yield replace(run, run_id=number, created_at=created, started_at=run.started_at or created)


def _links(names: str, base: str) -> dict[str, str]:
    """Return the URLs of what belongs to something."""
    return {f"{name}_url": f"{base}/{name}" for name in names.split()} | {"url": base}


def _user(base: str) -> dict[str, object]:
    facts = {"login": "owner", "id": 1, "node_id": "U_1", "gravatar_id": "", "type": "User", "site_admin": False}
    return facts | _links(OF_A_USER, base)


def _repository(name: str, base: str) -> dict[str, object]:
    facts = {"id": 1, "node_id": "R_1", "name": name.partition("/")[2], "full_name": name, "private": False}
    return facts | {"fork": False, "description": None, "owner": _user(base)} | _links(OF_A_REPOSITORY, base)


def _run(run: Run, name: str, base: str) -> dict[str, object]:
    return {
        # GitHub counts the runs of a workflow apart
        "id": run.run_id,
        "run_number": run.run_id,
        "run_attempt": run.attempt,
        "workflow_id": 1,
        "node_id": "W_1",
        "head_sha": run.head_sha,
        "head_branch": run.branch,
        "event": run.event,
        "display_title": "change",
        "status": run.status,
        "conclusion": run.conclusion,
        "path": f".github/workflows/{run.workflow}",
        "created_at": run.created_at,
        "run_started_at": run.started_at,
        "updated_at": run.started_at,
        "head_commit": None,
        "pull_requests": [],
        "repository": _repository(name, base),
        "head_repository": _repository(run.head_repository, base),
        **_links(OF_A_RUN, f"{base}/actions/runs/{run.run_id}"),
    }


def _release(release: Release, base: str) -> dict[str, object]:
    return {
        "tag_name": release.tag, "draft": release.draft, "prerelease": release.prerelease, "name": release.tag,
        "created_at": release.created_at, "published_at": release.published_at, "target_commitish": "main", "id": 1,
        "node_id": "RE_1", "author": _user(base), "assets": [], **_links(OF_A_RELEASE, f"{base}/releases/1"),
    }  # fmt: skip


def _deployment(deployment: Deployment, base: str) -> dict[str, object]:
    url = f"{base}/deployments/{deployment.id}"
    return {
        "id": deployment.id, "node_id": "DE_1", "sha": deployment.sha, "ref": deployment.sha, "task": deployment.task,
        "environment": deployment.environment, "original_environment": deployment.environment, "payload": {},
        "description": None, "creator": _user(base), "created_at": deployment.created_at,
        # seen in events that GitHub sent: each status touches its deployment
        "updated_at": max((when for _, _, when in deployment.said), default=deployment.created_at),
        "url": url, "statuses_url": f"{url}/statuses", "repository_url": base, "performed_via_github_app": None,
        "transient_environment": False, "production_environment": deployment.environment == "production",
    }  # fmt: skip


def _status(deployment: Deployment, said: tuple[int, str, str], base: str) -> dict[str, object]:
    key, state, when = said
    url = f"{base}/deployments/{deployment.id}"
    return {
        "id": key, "node_id": "DES_1", "state": state, "creator": _user(base), "description": "",
        "environment": deployment.environment, "created_at": when, "updated_at": when, "url": f"{url}/statuses/{key}",
        "deployment_url": url, "repository_url": base, "environment_url": "", "log_url": "", "target_url": "",
        "performed_via_github_app": None,
    }  # fmt: skip
