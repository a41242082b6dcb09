"""The task `medquad`: MedQuAD's questions as published, answered at length."""

from tacitly.records import Question
from tacitly.tasks.base import Messages, TaskCard, user
from tacitly.tasks.medquad_pairs import MedQuad, QAPair
from tacitly.tasks.medquad_table import is_fetched
from tacitly.tasks.medquad_task import MedQuadTask
from tacitly.tasks.sampling import draw

SOURCE = "MedQuAD, from the hub or task.path"
LICENCE = "CC BY 4.0"


class MedQuadAnswers(MedQuadTask):
    r"""Questions about diseases with an answer of one or more sentences, which similarity judges.

    What any source says to the same question about the same disease is accepted.

    The entity is the disease; every question about it has the same, and all of its names in `meta["names"]`.

    Args:
        path: A copy of MedQuAD (`tacitly.tasks.medquad_pairs.read_medquad`); None fetches the hub's table.
        limit: At most this many questions, drawn evenly over the question types.
        prompt: A template in place of the bare question.
        seed: Which questions a limit draws.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "three.csv"
        ...     _ = path.write_text("qtype,Question,Answer\ncauses,What causes gout ?,Uric acid.\n")
        ...     question = MedQuadAnswers(path=path).questions()[0]
        >>> question.question, question.answers, question.entity
        ('What causes gout ?', ('Uric acid.',), 'gout')
    """

    name = "medquad"
    judge = "token_f1"  # docs/decisions/0007-judging-long-answers.md
    locator = ("novel_phrase", "first_line")
    stop: tuple[str, ...] = ()
    system_prompt: str | None = None
    max_new_tokens = 96

    def ask(self, medquad: MedQuad) -> tuple[Question, ...]:
        """The questions, in the order of their documents."""
        everything = (
            Question(
                question_id=f"{self.name}/{pair.pair_id}",
                question=pair.question,
                answers=medquad.answers_to(pair),
                entity=pair.entity,
                meta=describe(medquad, pair),
            )
            for pair in medquad.pairs
        )
        return draw(
            everything, limit=self.limit, seed=self.seed, stratum=lambda question: question.meta["question_type"]
        )

    def prompt(self, question: Question) -> Messages:
        """The question, alone."""
        return [user(self.template.fill(question) if self.template else question.question)]

    @classmethod
    def card(cls) -> TaskCard:
        """Describe the task."""
        return TaskCard(
            name=cls.name,
            asks="what a disease is, its symptoms, treatments and more",
            questions=13136,
            needs=None,
            answer_form="sentences, judged by similarity",
            source=SOURCE,
            licence=LICENCE,
            is_here=is_fetched(),
        )


def describe(medquad: MedQuad, pair: QAPair) -> dict[str, str]:
    """What a question's `meta` says of the pair that it was made from.

    Args:
        medquad: What the pair is part of.
        pair: The pair.

    Returns:
        The question type, source and document, and all names of the disease with `|` between them.
    """
    names = (name.replace("|", " ") for name in medquad.names_of(pair.entity))
    return {
        "question_type": pair.question_type,
        "source": pair.source,
        "document_id": pair.document_id,
        "names": "|".join(names),
    }
