"""The template that a task's prompts follow, learned from the prompts themselves."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from string import ascii_uppercase

from tacitly.errors import SettingsError
from tacitly.records import Question
from tacitly.tasks.template import PromptTemplate, escaped, filling

_QUESTION, _CONTEXT, _CHOICE = "TheQuestionStandsHere", "TheContextStandsHere", "Choice{}StandsHere"


def learn_template(questions: Sequence[Question], word: Callable[[Question], str]) -> PromptTemplate | None:
    """Find the template that gives every question's prompt.

    Args:
        questions: The questions, at least one.
        word: Gives the prompt of a question.

    Returns:
        The template; None where the prompts hold more than question, context and choices.

    Example:
        >>> asked = [Question(question_id=w, question=f"{w}?", answers=("x",), entity=w, choices=("x|A)", "y|B)"))
        ...          for w in ("Who", "Why")]
        >>> learn_template(asked, lambda q: f"{q.question_id}: {q.question}") is None
        True
        >>> learn_template(asked, lambda q: f"{q.question} ({', '.join(c.split('|')[0] for c in q.choices)})").text
        '{question} ({choices})'
    """
    fullest = max(questions, key=lambda q: (bool(q.context), bool(q.choices)))
    names = [_CHOICE.format(i) for i in range(len(fullest.choices))]
    choices = ("|".join((name, *choice.split("|")[1:])) for name, choice in zip(names, fullest.choices, strict=True))
    marked = replace(fullest, question=_QUESTION, context=_CONTEXT if fullest.context else None, choices=tuple(choices))
    placeholders = ("options", "choices") if len(names) <= len(ascii_uppercase) else ("choices",)
    try:
        text = escaped(word(marked))
        for placeholder in placeholders if names else ():
            text = text.replace(filling(placeholder, marked), f"{{{placeholder}}}")
        template = PromptTemplate(text.replace(_QUESTION, "{question}").replace(_CONTEXT, "{context}"))
        fits = all(template.fill(question) == word(question) for question in questions)
    except SettingsError:
        return None
    return template if fits else None
