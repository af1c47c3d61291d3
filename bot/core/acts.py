"""What became of one act: carried out, provably not, or not known. The three are never mixed up."""

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["done", "not-done", "unknown"]


@dataclass(frozen=True, slots=True)
class Acted:
    """`why` is one clean sentence without its full stop; `said` what the tool or the server said beside it."""

    outcome: Outcome
    why: str
    said: tuple[str, ...] = ()
