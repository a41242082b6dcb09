"""The user's own prompt: a template with three names to fill in, and nothing that is evaluated."""

import re
from dataclasses import dataclass

from tacitly.errors import SettingsError
from tacitly.records import Question

PLACEHOLDERS = ("question", "context", "choices")

_BRACES = re.compile(r"\{\{(?P<literal>[^\W\d][^{}\s\"']*)\}\}|\{(?P<name>[^\W\d][^{}\s\"']*)\}|(?P<empty>\{\})")


@dataclass(frozen=True)
class PromptTemplate:
    """A prompt in which `{question}`, `{context}` and `{choices}` are replaced, once, by the question's own text.

    Braces around anything that is not a name are left alone, so JSON can stand in a prompt; `{{name}}` is written for a
    literal `{name}`. A context that the template does not mention is put before it.

    Args:
        text: The template.

    Raises:
        SettingsError: The template has another placeholder, or does not say where the question goes.

    Example:
        >>> question = Question(question_id="1", question="Who?", answers=("x",), entity="e", choices=("{context}",))
        >>> PromptTemplate("Q: {question} Choose: {choices}").fill(question)
        'Q: Who? Choose: {context}'
    """

    text: str

    def __post_init__(self) -> None:
        names = [match["name"] or "" for match in _BRACES.finditer(self.text) if match["literal"] is None]
        for name in names:
            if name not in PLACEHOLDERS:
                raise SettingsError(
                    f"task.prompt has the unknown placeholder '{{{name}}}'",
                    allowed=", ".join(f"{{{known}}}" for known in PLACEHOLDERS),
                    remedy=f"write {{{{{name}}}}} for literal braces" if name else "leave it out",
                )
        if "question" not in names:
            raise SettingsError(
                f"task.prompt {_short(self.text)!r} does not say where the question goes", remedy="put {question} in it"
            )

    def fill(self, question: Question) -> str:
        """Put a question's text into the template.

        Args:
            question: The question.

        Returns:
            The prompt.
        """
        values = {
            "question": question.question,
            "context": question.context or "",
            "choices": ", ".join(choice.split("|")[0] for choice in question.choices),
        }

        def replacement(match: re.Match[str]) -> str:
            return f"{{{match['literal']}}}" if match["literal"] else values[match["name"]]

        filled = _BRACES.sub(replacement, self.text)
        if question.context and not any(match["name"] == "context" for match in _BRACES.finditer(self.text)):
            filled = with_context(question, filled)
        return filled.strip()


def with_context(question: Question, text: str) -> str:
    r"""Put a question's context, where it has one, before a text.

    Example:
        >>> question = Question(question_id="1", question="Who?", answers=("x",), entity="e", context="A passage.")
        >>> with_context(question, question.question)
        'A passage.\n\nWho?'
    """
    return f"{question.context}\n\n{text}" if question.context else text


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
