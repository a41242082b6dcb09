"""What every stage has at hand: the settings, the run, the task and the model, each opened on first use."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from tacitly.errors import RunFolderError
from tacitly.progress import Progress
from tacitly.run_folder import RunFolder
from tacitly.settings import StudySettings
from tacitly.tasks.base import Task
from tacitly.tasks.catalog import load_task

if TYPE_CHECKING:
    from tacitly.models.load import LanguageModel
    from tacitly.models.prompts import PromptFormat


@dataclass(frozen=True)
class Bench:
    """The things that stages work with.

    Attributes:
        open_model: Opens a model by name; tests give a small one.
    """

    settings: StudySettings
    run: RunFolder
    progress: Progress
    open_model: "Callable[..., LanguageModel]"

    @cached_property
    def task(self) -> Task:
        """The task, with its path, limit and prompt."""
        task = self.settings.task
        return load_task(task.name, path=task.path, limit=task.limit, prompt=task.prompt, seed=self.settings.seed)

    @cached_property
    def language_model(self) -> "LanguageModel":
        """The model, loaded once.

        Raises:
            RunFolderError: If the run's answers are of other weights under the same name.
        """
        wanted = self.settings.model
        self.progress.begin("loading the model", None)
        model = self.open_model(wanted.name, revision=wanted.revision, dtype=wanted.dtype, note=self.progress.note)
        identity, known = model.identity.as_dict(), self.run.manifest.model
        if known and self.run.files("answers") and known["weights_hash"] != identity["weights_hash"]:
            raise RunFolderError(
                f"the run in {str(self.run.path)!r} was made with other weights of {wanted.name!r} "
                f"(sha256 {known['weights_hash'][:12]}, now {identity['weights_hash'][:12]})",
                remedy="give another --out, or start over with --redo questions",
            )
        if known != identity:
            self.run.manifest.model = identity
            self.run.commit()
        return model

    @cached_property
    def format(self) -> "PromptFormat":
        """How the model is asked."""
        from tacitly.models.prompts import PromptFormat

        system_prompt = self.settings.model.system_prompt
        return PromptFormat(
            self.language_model.tokenizer, self.task.system_prompt if system_prompt is None else system_prompt or None
        )

    @property
    def max_new_tokens(self) -> int:
        """The most tokens of an answer: the setting, or what suits the task."""
        return self.settings.generate.max_new_tokens or self.task.max_new_tokens

    def warn(self, stage: str, message: str) -> None:
        """Say something that the user should read, and keep it for the report."""
        warnings = self.run.manifest.stages[stage].warnings
        if message not in warnings:
            warnings.append(message)
            self.progress.note(f"warning: {message}")
