"""How often a method may be called: Slack's tiers, and its own rule for posting into a channel."""

import math
from dataclasses import dataclass

from bot.demo.workspace.ids import Clock


@dataclass(frozen=True, slots=True)
class Tier:
    """So many at once, and so many a minute after that."""

    per_minute: int
    burst: int


# docs.slack.dev/apis/web-api/rate-limits; of tier 1 Slack says "one or more a minute, with bursts"
TIER_1, TIER_2, TIER_3, TIER_4 = Tier(1, 15), Tier(20, 20), Tier(50, 50), Tier(100, 100)
POSTING = Tier(60, 2)  # of one channel: one a second, and a short burst


class Rates:
    """A bucket for each key: full at first, and never more than full."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}  # what was left, and when

    def wait_s(self, key: str, tier: Tier) -> int:
        """0: let through, and counted. Otherwise in how many whole seconds it would be, and nothing was counted."""
        now = self._clock()
        left, at = self._buckets.get(key, (float(tier.burst), now))
        left = min(tier.burst, left + max(0.0, now - at) * tier.per_minute / 60)
        if left >= 1:
            self._buckets[key] = (left - 1, now)
            return 0
        return max(1, math.ceil((1 - left) * 60 / tier.per_minute))
