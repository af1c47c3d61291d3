"""Who may do what: bearer tokens, and the very rules that `terminating rbac --repairs` prints."""

import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from bot.core.rights import REPAIR_RULES, RULES, Rule
from bot.demo.cluster.denials import unauthorized

ANONYMOUS = "system:anonymous"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """`rules` None: everything, as system:masters."""

    name: str
    rules: tuple[Rule, ...] | None

    def may(self, verb: str, group: str, resource: str, name: str) -> bool:
        return self.rules is None or any(
            verb in rule.verbs
            and rule.api_group == group
            and resource in rule.resources
            and (not rule.names or name in rule.names)
            for rule in self.rules
        )


class Users:
    """The bot, one that may only look, and whoever looks after the cluster; the tokens are made at the start."""

    def __init__(self) -> None:
        self.bot_token = secrets.token_urlsafe(32)
        self.reader_token = secrets.token_urlsafe(32)
        self.admin_token = secrets.token_urlsafe(32)
        self._known: Iterable[tuple[str, User]] = (
            (
                self.bot_token,
                User(name="system:serviceaccount:terminating:terminating", rules=(*RULES, *REPAIR_RULES)),
            ),
            (self.reader_token, User(name="system:serviceaccount:terminating:reader", rules=RULES)),
            (self.admin_token, User(name="admin", rules=None)),
        )

    def who(self, authorization: str | None) -> User:
        """Without a token it is somebody anonymous, who may nothing; with a wrong one, `DeniedError`."""
        if authorization is None:
            return User(name=ANONYMOUS, rules=())
        token = authorization.removeprefix("Bearer ")
        for known, user in self._known:
            if hmac.compare_digest(known.encode(), token.encode("utf-8", "replace")):
                return user
        raise unauthorized()
