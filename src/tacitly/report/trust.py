"""Can these figures be trusted? The checks of a study as a list of what to look out for and a table of what holds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tacitly.report.results import GROUPING_ORDER, interval_of, number_in

State = Literal["holds", "look out", "broken", "not defined"]
MARKS: Mapping[State, str] = {"holds": "\u2713", "look out": "!", "broken": "\u2717", "not defined": "\u2013"}
_SLUGS: Mapping[State, str] = {"holds": "ok", "look out": "care", "broken": "bad", "not defined": "none"}
_STARTS = {"by_entity": "By entity: ", "by_answer": "By answer: "}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How a check came out, by a sign and a word as well as a colour, with what was found in short."""

    state: State
    found: str = ""

    @property
    def sign(self) -> str:
        """The sign."""
        return MARKS[self.state]

    @property
    def slug(self) -> str:
        """The class that gives the colour."""
        return _SLUGS[self.state]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What the page says of the checks.

    Attributes:
        summary: In one sentence.
        concerns: What does not hold, the protocol first, each in a sentence.
        lines: The checks of both groupings: what is checked, and a mark per grouping; None where it was not checked.
        general: The checks that no grouping has.
    """

    summary: str
    concerns: Sequence[tuple[Mark, str]]
    lines: Sequence[tuple[str, Sequence[Mark | None]]]
    general: Sequence[tuple[Mark, str]]


def describe_trust(metrics: Mapping[str, Any]) -> Trust | None:
    """Say what the checks of a study found.

    Args:
        metrics: The content of `metrics.json`.

    Returns:
        None where the study was not checked.

    Example:
        >>> check = {"name": "unknown", "kind": "caution", "ok": False, "words": "9 of 10 answers could not be judged"}
        >>> describe_trust({"checks": [check]}).concerns[0][1]
        '9 of 10 answers could not be judged.'
    """
    entries = metrics.get("checks")
    if not isinstance(entries, list) or not entries:
        return None
    checks = {str(entry["name"]): entry for entry in entries}
    concerns = [(_mark(entry), f"{check_words(entry)}.") for entry in checks.values() if entry["ok"] is False]
    lines = []
    for name, words in _ROWS.items():
        marks = [_mark(checks.get(f"{name}.{grouping}"), short=_SHORT.get(name)) for grouping in GROUPING_ORDER]
        if any(mark is not None for mark in marks):
            lines.append((words, marks))
    general = [
        (_mark(entry), f"{check_words(entry)}.") for name, entry in checks.items() if "." not in name and entry["ok"]
    ]
    return Trust(
        summary=_summary(list(checks.values())),
        concerns=[(mark, words) for mark, words in concerns if mark is not None],
        lines=lines,
        general=[(mark, words) for mark, words in general if mark is not None],
    )


def checked_words(metrics: Mapping[str, Any]) -> set[str]:
    """What the checks say, as it stands among a run's warnings too; the page says it once.

    Example:
        >>> sorted(checked_words({"checks": [{"name": "groups", "words": "9 entities"}]}))
        ['9 entities']
    """
    entries = metrics.get("checks")
    return {check_words(entry) for entry in entries} if isinstance(entries, list) else set()


def _summary(checks: Sequence[Mapping[str, Any]]) -> str:
    protocol = [entry for entry in checks if entry["kind"] == "protocol"]
    broken = sum(entry["ok"] is False for entry in protocol)
    care = sum(entry["ok"] is False for entry in checks if entry["kind"] == "caution")
    first = f"All {len(protocol)} checks of the protocol hold"
    if not protocol:
        first = "There was nothing to hold against the protocol"
    if broken:
        first = f"{broken} of {len(protocol)} checks of the protocol do not hold: the figures are not what they say"
    second = "nothing calls for special care"
    if care:
        second = f"{care} {'thing calls' if care == 1 else 'things call'} for care"
    return f"{first}{'.' if broken else '; ' + second + '.'}" + (f" {second.capitalize()}." if broken else "")


def _mark(entry: Mapping[str, Any] | None, *, short: Callable[[Mapping[str, Any]], str] | None = None) -> Mark | None:
    if entry is None:
        return None
    found = short(entry.get("value") or {}) if short else ""
    if entry["ok"] is None:
        return Mark(state="not defined")
    if entry["ok"]:
        return Mark(state="holds", found=found)
    return Mark(state="broken" if entry["kind"] == "protocol" else "look out", found=found)


def check_words(entry: Mapping[str, Any]) -> str:
    """What a check found, with its grouping, in a sentence without its full stop.

    Example:
        >>> check_words({"name": "groups.by_answer", "words": "the figures rest on 9 given answers"})
        'By answer: the figures rest on 9 given answers'
    """
    start = _STARTS.get(str(entry["name"]).partition(".")[2], "")
    words = str(entry["words"])
    if str(entry["name"]).startswith("defined"):
        start = ""
    return f"{start}{words if start else words[:1].upper() + words[1:]}"


def _numbers(*names: str, form: str = "{:,.0f}", joint: str = ", ") -> Callable[[Mapping[str, Any]], str]:
    def text(value: Mapping[str, Any]) -> str:
        found = [number_in(value, name) for name in names]
        return joint.join(form.format(number) for number in found if number is not None)

    return text


def _estimate(key: str, form: str) -> Callable[[Mapping[str, Any]], str]:
    def text(value: Mapping[str, Any]) -> str:
        number, (low, high) = number_in(value, key), interval_of(value.get("ci"))
        if number is None:
            return ""
        shown = f"{number:{form}}"
        shown += f" [{low:{form}}, {high:{form}}]" if low is not None and high is not None else ""
        return shown.replace("-", "\u2212")

    return text


_ROWS: Mapping[str, str] = {
    "groups_apart": "nothing that was learned from is tested",
    "choices": "every choice was made in the training part",
    "signs": "which way a score points was fixed in advance",
    "rivals_beside": "probe, best baseline, best control on the same answers",
    "shuffled": "a probe on shuffled labels is near 0.5",
    "gain_over_baseline": "the probe adds to the best baseline",
    "gain_over_control": "the probe adds to the best control",
    "groups": "enough entities, or given answers",
    "classes": "enough right and wrong answers",
    "folds": "every tested part has both",
}
_SHORT: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "rivals_beside": _numbers("probe", "best_baseline", "best_control", form="{:.2f}"),
    "shuffled": _estimate("auroc", ".2f"),
    "gain_over_baseline": _estimate("diff", "+.2f"),
    "gain_over_control": _estimate("diff", "+.2f"),
    "groups": _numbers("groups"),
    "classes": _numbers("right", "wrong"),
}
