"""Questions with lettered options, which stand in the prompt."""

from collections.abc import Mapping, Sequence
from string import ascii_uppercase

from tacitly.records import Question
from tacitly.tasks.published import NO_ANSWER, LeftOutError, PublishedTask
from tacitly.text import normalize

RIGHT_OPTION = "Answer with the right option."


def as_choice(text: str) -> str:
    """An option as a choice's name, in which `|` would end it.

    Example:
        >>> as_choice(" P(A|B) ")
        'P(A/B)'
    """
    return text.replace("|", "/").strip()


def lettered_question(
    *, question_id: str, question: str, options: Sequence[str], right: str, meta: Mapping[str, str] | None = None
) -> Question:
    """Make a question whose choices have two names each: the option and its letter. It is its own entity.

    Raises:
        LeftOutError: There is no right option, or one is empty or stands there twice.

    Example:
        >>> made = lettered_question(question_id="1", question="Which?", options=["Oxygen", "Iron"], right="Iron")
        >>> made.choices, made.answers
        (('Oxygen|A)', 'Iron|B)'), ('Iron',))
    """
    names, answer = [as_choice(option) for option in options], as_choice(right)
    if not answer:
        raise LeftOutError(NO_ANSWER)
    if answer not in names:
        raise LeftOutError("have an answer that is none of their options")
    if not all(names) or len(set(names)) < len(names):
        raise LeftOutError("have an empty option, or one twice")
    return Question(
        question_id=question_id,
        question=question,
        answers=(answer,),
        entity=normalize(question) or question,
        choices=tuple(f"{name}|{letter})" for letter, name in zip(ascii_uppercase, names, strict=False)),
        meta=meta or {},
    )


def word_options(question: Question) -> str:
    r"""A question with its options, as a prompt shows them.

    Example:
        >>> made = lettered_question(question_id="1", question="Which?", options=["Oxygen", "Iron"], right="Iron")
        >>> word_options(made)
        'Which?\nA) Oxygen\nB) Iron\nAnswer with the right option.'
    """
    options = (f"{letter} {name}" for name, letter in (choice.split("|") for choice in question.choices))
    return "\n".join((question.question, *options, RIGHT_OPTION))


class LetteredTask(PublishedTask):
    """A task over a published data set of such questions."""

    judge = "choice"
    locator = ("choices",)
    max_new_tokens = 48

    def wording(self, question: Question) -> str:
        """The question, its options with their letters, and what is wanted."""
        return word_options(question)
