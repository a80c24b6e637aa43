"""The CDN's API, from request to answer; connections, faults and the record of calls are left to the switchboard."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox import answers, submissions
from sandbox.accounts import Account
from sandbox.answers import Refused, Shape
from sandbox.clock import Clock, iso_date
from sandbox.faults import Fault
from sandbox.network import Network
from sandbox.tasks import EVERYDAY_PROVIDERS, End, Provider, Tasks, live_document
from sandbox.wire import Reply, Request

if TYPE_CHECKING:
    from collections.abc import Callable

PURGE = "/cdn_api/purge"
PREFETCH = "/cdn_api/prefetch"
TOKENS = "/cdn_api/tokens"
REQ_STATUS = "/cdn_api/req_status"


@dataclass(frozen=True, slots=True)
class Service:
    """What kind of server it is: whether tasks end or stay at `run`, the CDNs behind it, whether it asks those live."""

    tasks_end: bool = True
    providers: tuple[Provider, ...] = EVERYDAY_PROVIDERS
    has_live_call: bool = True


EVERYDAY_SERVICE = Service()


@dataclass(frozen=True, slots=True)
class Terms:
    """How a purge is to turn out: the success rate it is answered with, its task's end, what goes wrong at edges."""

    rate: float = 100.0
    end: End = "success"
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The reply to a call, and the id of the task that it made, if it made one."""

    reply: Reply
    req_id: str | None = None


class Api:
    """Takes calls for one account."""

    def __init__(
        self,
        account: Account,
        network: Network,
        *,
        shape: Shape,
        clock: Clock,
        service: Service = EVERYDAY_SERVICE,
    ) -> None:
        self._account = account
        self._network = network
        self._service = service
        self._tasks = Tasks(are_ended=service.tasks_end)
        self._shape = shape
        self._clock = clock

    def answer(self, request: Request, terms: Terms) -> Answer:
        """Carry out a call, or refuse it."""
        asked_after = (REQ_STATUS, *((PURGE, PREFETCH) if self._service.has_live_call else ()))
        routes: dict[tuple[str, str], Callable[[], Answer]] = {
            ("POST", PURGE): lambda: self._submit(request, terms=terms),
            ("POST", PREFETCH): lambda: self._submit(request, terms=terms),
            ("POST", TOKENS): lambda: Answer(self._log_in(request)),
            **{("GET", f"{call}/"): lambda: Answer(self._report(request)) for call in asked_after},
        }
        parent = request.path[: request.path.rfind("/") + 1]
        path = parent if any(path == parent for _, path in routes) else request.path
        if (request.method, path) not in routes:
            return Answer(answers.page(405 if any(path == known for _, known in routes) else 404))
        try:
            return routes[request.method, path]()
        except Refused as refusal:
            return Answer(refusal.reply)

    def _authenticate(self, request: Request) -> None:
        token = request.headers.get("X-Auth-Token", "")
        if not token:
            raise Refused(answers.text_reply(401, "Unauthorized"))
        if not self._account.accepts(token):
            raise Refused(answers.error(400, "invalid token"))

    def _submit(self, request: Request, *, terms: Terms) -> Answer:
        self._authenticate(request)
        document = submissions.read_document(request)
        project = str(document.get("project_id") or "")
        is_prefetch = request.path == PREFETCH
        if is_prefetch:
            if "urls" not in document:
                raise Refused(answers.error(404, "can not found key 'urls'"))
            document = {"urls": document["urls"]}
        submission = submissions.read_submission(document)
        keys = submissions.check(submission, takes=lambda host: self._account.takes(host, project))
        kind = "prefetch" if is_prefetch else submission.kind
        now = self._clock()
        due = now + self._network.longest_propagation
        if terms.end == "success":
            self._network.order(kind, keys, now=now, fault=terms.fault)
        project = project or self._account.project
        task = self._tasks.add(kind, submission.entries, created_at=now, due=due, end=terms.end, project=project)
        return Answer(answers.accepted(task.req_id, shape=self._shape, rate=terms.rate), task.req_id)

    def _log_in(self, request: Request) -> Reply:
        document = submissions.read_document(request)
        keystone = document.get("auth")
        form = keystone.get("passwordCredentials") if isinstance(keystone, dict) else None
        if isinstance(form, dict) and "username" not in document:
            token = self._account.log_in(form.get("username"), form.get("password"))
        else:
            token = self._account.log_in(*(_paste(document.get(name)) for name in ("username", "password")))
        if token is None:
            return answers.login_refused(401)
        return answers.token_document(
            token.text,
            issued=iso_date(token.issued_at),
            expires=iso_date(token.expires_at),
            user=self._account.username,
            project=self._account.project,
        )

    def _report(self, request: Request) -> Reply:
        self._authenticate(request)
        call, _, req_id = request.path.rpartition("/")
        task, now = self._tasks.find(req_id), self._clock()
        if call != REQ_STATUS:
            if task is None or not self._service.providers:
                return answers.error(404, "can not found sp")
            return answers.json_reply(200, live_document(task, self._service.providers, now))
        if task is None:
            return answers.error(404, "task id can not found")
        user = self._account.username or "sandbox"
        return answers.json_reply(200, task.document(now, user=user))


def _paste(text: object) -> object:
    """Return what the service reads of a flat field: it pastes it raw into JSON of its own, which that may break."""
    if not isinstance(text, str):
        return text
    if not text.isascii():
        raise Refused(answers.login_refused(400))
    try:
        return json.loads(f'{{"pasted": "{text}"}}')["pasted"]
    except ValueError:
        raise Refused(answers.login_refused(401 if "\\" in text else 400)) from None
