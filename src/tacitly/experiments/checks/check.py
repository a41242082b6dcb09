"""One check of a study: what was looked at, what was found, and whether that is as it should be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["protocol", "caution"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check.

    Attributes:
        name: What it is about; those of one grouping end with its name.
        kind: `protocol` is what every study must keep, or its figures are not what they say; `caution` is what a
            careful reader would want to know before relying on them.
        ok: Whether it is as it should be; None where the data do not say.
        words: What was found, in one sentence without a full stop.
        value: The numbers that were found.
        limit: What they are held against.
    """

    name: str
    kind: Kind
    ok: bool | None
    words: str
    value: Mapping[str, Any] = field(default_factory=dict)
    limit: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The check as `metrics.json` holds it.

        Example:
            >>> Check(name="groups", kind="caution", ok=False, words="9 entities", value={"groups": 9}).as_json()["ok"]
            False
        """
        return {
            "name": self.name,
            "kind": self.kind,
            "ok": self.ok,
            "words": self.words,
            "value": dict(self.value),
            "limit": dict(self.limit),
        }
