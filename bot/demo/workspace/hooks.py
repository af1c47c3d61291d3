"""Response URLs: where the app answers to one command or one click, five times within half an hour."""

from dataclasses import dataclass

from bot.demo.workspace.ids import Clock, secret

_MOST_USES = 5  # docs.slack.dev/interactivity/handling-user-interaction
_LASTS_S = 30 * 60


@dataclass(slots=True, kw_only=True)
class Hook:
    """`ts`: the message that was clicked in, or nothing after a command."""

    user: str
    channel: str
    ts: str = ""
    since: float = 0.0
    uses: int = 0


class Hooks:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._hooks: dict[str, Hook] = {}

    def issue(self, hook: Hook) -> str:
        made = secret()
        hook.since = self._clock()
        self._hooks[made] = hook
        return made

    def use(self, hook_id: str) -> Hook | str:
        """The hook, or why not."""
        hook = self._hooks.get(hook_id)
        if hook is None:
            return "no_service"
        if self._clock() - hook.since > _LASTS_S:
            return "expired_url"
        if hook.uses >= _MOST_USES:
            return "used_url"
        hook.uses += 1
        return hook
