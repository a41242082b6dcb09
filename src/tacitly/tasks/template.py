"""The user's own prompt: a template with four names to fill in, and nothing that is evaluated."""

import re
from dataclasses import dataclass
from string import ascii_uppercase

from tacitly.errors import SettingsError
from tacitly.records import Question

PLACEHOLDERS = ("question", "context", "choices", "options")

_BRACES = re.compile(r"\{\{(?P<literal>[^\W\d][^{}\s\"']*)\}\}|\{(?P<name>[^\W\d][^{}\s\"']*)\}|(?P<empty>\{\})")


@dataclass(frozen=True)
class PromptTemplate:
    """A prompt in which `{question}`, `{context}`, `{choices}` and `{options}` are replaced, once, by the question's.

    `{choices}` are the choices with commas between them, `{options}` each on a line of its own with its letter.

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
        names = self.names
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

    @property
    def names(self) -> tuple[str, ...]:
        """What stands in its braces, in their order."""
        return tuple(match["name"] or "" for match in _BRACES.finditer(self.text) if match["literal"] is None)

    def fill(self, question: Question) -> str:
        """Put a question's text into the template.

        Args:
            question: The question.

        Returns:
            The prompt.

        Raises:
            SettingsError: The question has more options than there are letters.
        """

        def replacement(match: re.Match[str]) -> str:
            return f"{{{match['literal']}}}" if match["literal"] else filling(match["name"], question)

        filled = _BRACES.sub(replacement, self.text)
        if question.context and "context" not in self.names:
            filled = with_context(question, filled)
        return filled.strip()


def filling(name: str, question: Question) -> str:
    r"""What a placeholder is replaced by.

    Raises:
        SettingsError: The question has more options than there are letters.

    Example:
        >>> question = Question(question_id="1", question="Who?", answers=("x",), entity="e", choices=("x|X.", "y"))
        >>> filling("choices", question), filling("options", question).split("\n")
        ('x, y', ['A) x', 'B) y'])
    """
    if name == "question":
        return question.question
    if name == "context":
        return question.context or ""
    names = [choice.split("|")[0] for choice in question.choices]
    if name == "choices":
        return ", ".join(names)
    if len(names) > len(ascii_uppercase):
        raise SettingsError(
            f"task.prompt has {{options}}, and a question has {len(names)} choices",
            allowed=f"{len(ascii_uppercase)}, one for each letter",
            remedy="write {choices} instead",
        )
    return "\n".join(f"{letter}) {option}" for letter, option in zip(ascii_uppercase, names, strict=False))


def with_context(question: Question, text: str) -> str:
    r"""Put a question's context, where it has one, before a text.

    Example:
        >>> question = Question(question_id="1", question="Who?", answers=("x",), entity="e", context="A passage.")
        >>> with_context(question, question.question)
        'A passage.\n\nWho?'
    """
    return f"{question.context}\n\n{text}" if question.context else text


def escaped(text: str) -> str:
    """A text as it is written in a template so that nothing in it is replaced.

    Example:
        >>> escaped('{"a": {name}}')
        '{"a": {{name}}}'
    """
    return _BRACES.sub(lambda match: f"{{{match[0]}}}", text)


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
