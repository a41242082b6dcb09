"""Whether an answer declines to answer."""

import re

_REFUSAL = re.compile(
    r"\bi(?:'m| am) (?:not (?:sure|certain|aware|able)|unable|sorry(?! to hear| for))\b"
    r"|\bi (?:do not|don't|did not|didn't) (?:know|have|understand)\b"
    r"|\bi (?:cannot|can't|can not|could not|couldn't) (?:answer|provide|help|assist|give|say|tell|find|determine)\b"
    r"|\bi have no (?:information|knowledge|data)\b|\bas an? (?:ai|(?:large )?language model)\b"
    r"|\b(?:we|one) (?:cannot|can't|can not) (?:tell|say|determine|know)\b"
    r"|\bno idea\b|\bit(?:'s| is) (?:impossible|not possible) to (?:say|tell|know|determine)\b"
    r"|^\W*(?:unknown|unsure|not sure|n/a|none of the above|cannot be determined|no answer)\W*$",
    re.IGNORECASE,
)
_CURLY = str.maketrans("’‘", "''")


def refuses(answer: str) -> bool:
    """Whether an answer says that it does not know, or will not say.

    Example:
        >>> refuses("I'm not sure."), refuses("The liver.")
        (True, False)
    """
    return _REFUSAL.search(answer.translate(_CURLY)) is not None
