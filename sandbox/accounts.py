"""Whose CDN it is: the hosts on the account, who may log in, and which tokens are good at the moment."""

import threading
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sandbox.clock import Clock
from sandbox.keys import without_port


@dataclass(frozen=True, slots=True)
class Token:
    """A token from a login."""

    text: str
    issued_at: float
    expires_at: float


class Account:
    """One customer of the CDN."""

    def __init__(  # noqa: PLR0913  each is a setting of the sandbox
        self,
        *,
        hosts: Iterable[str],
        projects: Mapping[str, Iterable[str]],
        token: str,
        username: str,
        password: str,
        token_lifetime: float,
        clock: Clock,
    ) -> None:
        self.username = username
        self.project = uuid.uuid4().hex
        self._hosts = frozenset(without_port(host).lower() for host in hosts)
        self._projects = {without_port(host).lower(): frozenset(ids) for host, ids in projects.items()}
        self._token = token
        self._password = password
        self._token_lifetime = token_lifetime
        self._clock = clock
        self._lock = threading.Lock()
        self._issued: dict[str, Token] = {}

    def owns(self, host: str) -> bool:
        """Tell whether a host, without port, is on the account."""
        return host.lower() in self._hosts

    def takes(self, host: str, project: str) -> bool:
        """Tell whether a call for a host may run: in a project if it names one, and it must if the host is in two."""
        projects = self._projects.get(host.lower(), frozenset({self.project}))
        return self.owns(host) and (project in projects if project else len(projects) == 1)

    def log_in(self, username: object, password: object) -> Token | None:
        """Issue a token for the right name and password; an account without a name lets nobody in."""
        if not self.username or (username, password) != (self.username, self._password):
            return None
        now = self._clock()
        token = Token(uuid.uuid4().hex, issued_at=now, expires_at=now + self._token_lifetime)
        with self._lock:
            self._issued[token.text] = token
        return token

    def accepts(self, text: str) -> bool:
        """Tell whether a token is good now; the one set at the start never expires."""
        if self._token and text == self._token:
            return True
        with self._lock:
            token = self._issued.get(text)
        return token is not None and self._clock() < token.expires_at
