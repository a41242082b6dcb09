"""Stage `questions`: what is asked, as the model will read it."""

from tacitly.collect.bench import Bench
from tacitly.collect.tables import QUESTIONS, questions_frame
from tacitly.errors import TaskError


def write_questions(bench: Bench) -> None:
    """Read the task's questions, render their prompts, and write them down.

    Raises:
        TaskError: If there is none, two share an id, or one does not fit the model's context.
    """
    questions = list(bench.task.questions())
    if not questions:
        raise TaskError(f"task {bench.task.name!r} has no questions", remedy="check task.path and task.limit")
    seen: set[str] = set()
    for question in questions:
        if question.question_id in seen:
            raise TaskError(f"two questions have the id {question.question_id!r}", remedy="give each its own id")
        seen.add(question.question_id)
    form = bench.format
    if not form.has_template:
        bench.warn("questions", "the model has no chat template; it is asked in a plain 'Q: / A:' form")
    prompts = [form.render(bench.task.prompt(question)) for question in questions]
    room = bench.language_model.context_length
    if room is not None:
        for question, prompt in zip(questions, prompts, strict=True):
            length = len(form.token_ids(prompt))
            if length + bench.max_new_tokens > room:
                raise TaskError(
                    f"question {question.question_id!r} takes {length} tokens and its answer up to "
                    f"{bench.max_new_tokens}, together more than the model's context",
                    allowed=f"{room} tokens in all",
                    remedy="shorten it or lower generate.max_new_tokens",
                )
    bench.run.write_table(QUESTIONS, questions_frame(questions, prompts))
