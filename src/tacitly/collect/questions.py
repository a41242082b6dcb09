"""Stage `questions`: what is asked, as the model will read it."""

from pathlib import Path

from tacitly.collect.bench import Bench
from tacitly.collect.tables import QUESTIONS, questions_frame
from tacitly.errors import TaskError
from tacitly.records import Question
from tacitly.tasks.entity_split import EntitySplit


def write_questions(bench: Bench) -> None:
    """Write the task's questions down, with their prompts.

    Raises:
        TaskError: As `read_task`.
    """
    questions, prompts = read_task(bench)
    if not bench.format.has_template:
        bench.warn("questions", "the model has no chat template; it is asked in a plain 'Q: / A:' form")
    bench.run.write_table(QUESTIONS, questions_frame(questions, prompts))


def read_task(bench: Bench) -> tuple[list[Question], list[str]]:
    """Read the task's questions and render their prompts.

    Raises:
        TaskError: If there is none, two share an id, or one does not fit the model's context.
    """
    questions = _of_wanted_entities(bench, list(bench.task.questions()))
    for line in bench.task.notes:
        bench.progress.note(line)
    if not questions:
        raise TaskError(f"task {bench.task.name!r} has no questions", remedy="check task.path and task.limit")
    seen: set[str] = set()
    for question in questions:
        if question.question_id in seen:
            raise TaskError(f"two questions have the id {question.question_id!r}", remedy="give each its own id")
        seen.add(question.question_id)
    form, room = bench.format, bench.language_model.context_length
    prompts = [form.render(bench.task.prompt(question)) for question in questions]
    for question, prompt in zip(questions, prompts, strict=True):
        length, longest = len(form.token_ids(prompt)), bench.max_new_tokens
        if question.written is not None:
            longest = len(form.answer_ids(prompt, question.written)) + 1  # and the end of the turn
        if room is not None and length + longest > room:
            raise TaskError(
                f"question {question.question_id!r} takes {length} tokens and its answer up to "
                f"{longest}, together more than the model's context",
                allowed=f"{room} tokens in all",
                remedy="shorten it or lower generate.max_new_tokens",
            )
    return questions, prompts


def _of_wanted_entities(bench: Bench, questions: list[Question]) -> list[Question]:
    """The questions, each marked with its part of a fine-tuning's split, without those that are not to be asked."""
    if bench.split is None:
        return questions
    marked = bench.split.mark(questions)
    wanted = bench.settings.task.entities
    if wanted == "all" or (wanted == "auto" and EntitySplit.read(Path(bench.settings.model.name)) is None):
        return marked
    kept = [question for question in marked if question.meta["training"] != "trained"]
    if len(kept) < len(marked):
        bench.progress.note(
            f"{len(marked) - len(kept)} of {len(marked)} questions are about what the model was trained on and are "
            "left out; --set task.entities=all asks them too"
        )
    return kept
