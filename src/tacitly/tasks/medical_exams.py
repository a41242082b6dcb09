"""Medical questions from the hub: examinations with lettered options, abstracts, and answers that may be made up."""

from collections.abc import Iterable

from tacitly.errors import TaskError
from tacitly.records import Question
from tacitly.tasks.cells import read_text
from tacitly.tasks.lettered import LetteredTask, lettered_question
from tacitly.tasks.published import PublishedTask
from tacitly.tasks.row_answers import read_answer, read_field, read_one_of, read_passage
from tacitly.tasks.sources import Source
from tacitly.tasks.tables import Row
from tacitly.text import normalize


class MedQA(LetteredTask):
    """Questions of the United States Medical Licensing Examination, with four options."""

    name = "medqa"
    asks = "questions of the US medical licensing examination"
    answer_form = "one of four options"
    licence = "CC BY 4.0"
    source = Source(
        home="hub",
        name="GBaker/MedQA-USMLE-4-options",
        revision="0fb93dd23a7339b6dcd27e241cb9b5eca62d4d18",
        files={"train": ("phrases_no_exclude_train.jsonl",), "test": ("phrases_no_exclude_test.jsonl",)},
        sizes={"train": 10_178, "test": 1_273},
    )
    columns = ("question", "options", "answer_idx", "meta_info")

    def ask(self, row: Row) -> Iterable[Question]:
        """The question of a row."""
        options = row.values["options"]
        if not isinstance(options, dict) or not all(isinstance(option, str) for option in options.values()):
            raise TaskError(f"{row.where}: 'options' is {str(options)[:60]!r}", allowed="a text for each letter")
        letters = sorted(options)
        right = read_one_of(row, "answer_idx", [letter.casefold() for letter in letters])
        yield lettered_question(
            question_id=str(row.line),
            question=read_text(row, "question", required=True),
            options=[options[letter] for letter in letters],
            right=options[next(letter for letter in letters if letter.casefold() == right)],
            meta={"step": read_text(row, "meta_info")},
        )


class MedMCQA(LetteredTask):
    """Questions of Indian medical entrance examinations, with four options and a subject.

    The published test part has no answers, so the validation part is the test part.
    """

    name = "medmcqa"
    asks = "questions of Indian medical entrance examinations"
    answer_form = "one of four options"
    licence = "Apache-2.0"
    source = Source(
        home="hub",
        name="openlifescienceai/medmcqa",
        revision="91c6572c454088bf71b679ad90aa8dffcd0d5868",
        files={
            "train": ("data/train-00000-of-00001.parquet",),
            "test": ("data/validation-00000-of-00001.parquet",),
        },
        sizes={"train": 182_822, "test": 4_183},
    )
    columns = ("id", "question", "opa", "opb", "opc", "opd", "cop", "subject_name", "topic_name")

    def ask(self, row: Row) -> Iterable[Question]:
        """The question of a row."""
        options = [read_text(row, column) for column in ("opa", "opb", "opc", "opd")]
        yield lettered_question(
            question_id=read_text(row, "id", required=True),
            question=read_text(row, "question", required=True),
            options=options,
            right=options[int(read_one_of(row, "cop", ("0", "1", "2", "3")))],
            meta={"subject": read_text(row, "subject_name"), "topic": read_text(row, "topic_name")},
        )


class PubMedQA(PublishedTask):
    """Questions that the title of a paper asks, with its abstract up to the conclusion."""

    name = "pubmedqa"
    asks = "what a paper asks, with its abstract"
    answer_form = "yes, no or maybe"
    licence = "MIT"
    source = Source(
        home="hub",
        name="qiaojin/PubMedQA",
        revision="9001f2853fb87cab8d220904e0de81ac6973b318",
        files={"all": ("pqa_labeled/train-00000-of-00001.parquet",)},
        sizes={"all": 1_000},
    )
    columns = ("pubid", "question", "context.contexts", "final_decision")
    judge = "label"
    locator = ("label",)
    instruction = "Answer with yes, no or maybe."
    max_new_tokens = 16
    LABELS = ("yes", "no", "maybe")

    def ask(self, row: Row) -> Iterable[Question]:
        """The question of a row."""
        text = read_text(row, "question", required=True)
        yield Question(
            question_id=read_text(row, "pubid", required=True),
            question=text,
            answers=(read_one_of(row, "final_decision", self.LABELS),),
            entity=normalize(text) or text,
            choices=self.LABELS,
            context=read_passage(row, "context", read_field(row, "context", "contexts")),
        )


class MedHallu(PublishedTask):
    """Whether an answer to a medical question is hallucinated: the right one, and one that was made up, of each row.

    `yes` means that it is hallucinated. Both questions of a row have its medical question for their entity, so they
    never stand in two folds.
    """

    name = "medhallu"
    asks = "whether an answer to a medical question is made up"
    answer_form = "yes or no"
    licence = "MIT"
    source = Source(
        home="hub",
        name="UTAustin-AIHealth/MedHallu",
        revision="515060458a945c633debc6fd5baac7764416b724",
        files={"all": ("pqa_labeled/train-00000-of-00001.parquet",)},
        sizes={"all": 1_000},
    )
    columns = (
        "Question",
        "Knowledge",
        "Ground Truth",
        "Hallucinated Answer",
        "Difficulty Level",
        "Category of Hallucination",
    )
    judge = "label"
    locator = ("label",)
    instruction = "Answer with yes or no."
    max_new_tokens = 16

    def ask(self, row: Row) -> Iterable[Question]:
        """The two questions of a row."""
        asked = read_text(row, "Question", required=True)
        context = read_passage(row, "Knowledge", row.values["Knowledge"])
        for column, label in (("Ground Truth", "no"), ("Hallucinated Answer", "yes")):
            yield Question(
                question_id=f"{row.line}-{label}",
                question=f"Question: {asked}\nAnswer: {read_answer(row, column)}\nIs this answer hallucinated?",
                answers=(label,),
                entity=normalize(asked) or asked,
                choices=("yes", "no"),
                context=context,
                meta={
                    "difficulty": read_text(row, "Difficulty Level"),
                    "category": read_text(row, "Category of Hallucination"),
                },
            )
