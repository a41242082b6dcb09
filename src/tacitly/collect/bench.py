"""What every stage has at hand: the settings, the run, the task and the model, each opened on first use."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tacitly.baselines.catalog import load_equivalence
from tacitly.baselines.equivalence import Equivalence
from tacitly.collect.asker import is_studied, open_asker
from tacitly.engines.asker import Asker
from tacitly.errors import RunFolderError, SettingsError
from tacitly.judges.base import Judge
from tacitly.judges.catalog import SIMILARITIES, load_judge
from tacitly.locators.base import Locator
from tacitly.locators.catalog import ASKING, load_locator
from tacitly.probes.catalog import load_families
from tacitly.progress import Progress
from tacitly.run_folder import RunFolder
from tacitly.settings import StudySettings
from tacitly.tasks.base import Task
from tacitly.tasks.catalog import load_task
from tacitly.tasks.entity_split import FILE, EntitySplit

if TYPE_CHECKING:
    from tacitly.models.load import LanguageModel
    from tacitly.models.prompts import PromptFormat


@dataclass(frozen=True)
class Bench:
    """The things that stages work with.

    Attributes:
        open_model: Opens a model by name; tests give a small one.
        void: Stages whose files no longer count.
    """

    settings: StudySettings
    run: RunFolder
    progress: Progress
    open_model: "Callable[..., LanguageModel]"
    void: tuple[str, ...] = ()

    @cached_property
    def task(self) -> Task:
        """The task, with its path, limit and prompt."""
        task = self.settings.task
        return load_task(task.name, path=task.path, limit=task.limit, prompt=task.prompt, seed=self.settings.seed)

    @cached_property
    def split(self) -> EntitySplit | None:
        """Which entities the model was fine-tuned on; None for a model that tacitly did not fine-tune.

        Raises:
            SettingsError: If `task.split_from` names no folder of a fine-tuned model.
        """
        named = self.settings.task.split_from
        split = EntitySplit.read(named or Path(self.settings.model.name))
        if named and split is None:
            raise SettingsError(
                f"setting 'task.split_from' is {str(named)!r}, where no {FILE} is",
                allowed="a folder that `tacitly finetune` wrote",
            )
        return split

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
        stays = self.run.files("answers") and "answers" not in self.void
        if known and stays and known["weights_hash"] != identity["weights_hash"]:
            raise RunFolderError(
                f"the run in {str(self.run.path)!r} was made with other weights of {wanted.name!r} "
                f"(sha256 {known['weights_hash'][:12]}, now {identity['weights_hash'][:12]})",
                remedy="give another --out, or start over with --redo answers",
            )
        return model

    @cached_property
    def format(self) -> "PromptFormat":
        """How the model is asked."""
        from tacitly.models.prompts import PromptFormat

        system_prompt = self.settings.model.system_prompt
        return PromptFormat.choose(
            self.language_model.tokenizer,
            self.task.system_prompt if system_prompt is None else system_prompt or None,
            chat_template=self.settings.model.chat_template,
        )

    @property
    def max_new_tokens(self) -> int:
        """The most tokens of an answer: the setting, or what suits the task."""
        return self.settings.generate.max_new_tokens or self.task.max_new_tokens

    @cached_property
    def asker(self) -> Asker | None:
        """The model that is asked for verdicts and quotes; None where none is configured."""
        return open_asker(
            self.settings.judge,
            open_studied=lambda: self.language_model,
            open_other=lambda name: self.open_model(name, note=self.progress.note),
            studied=self.settings.model,
            batch_size=self.settings.generate.batch_size,
        )

    @cached_property
    def judges(self) -> dict[str, Judge]:
        """The judges by name, the one whose labels count first: the setting's, or the one that suits the task.

        A model that is configured takes the place of a task's similarity, which is worth less.
        """
        settings = self.settings.judge
        names = self.settings.task.judge
        if names is None:
            suits = self.task.judge
            names = ("llm" if self.asker is not None and suits in SIMILARITIES else suits,)
        return {
            name: load_judge(
                name,
                asker=self.asker,
                judges_itself=is_studied(settings, self.settings.model),
                nli_model=settings.nli_model,
            )
            for name in names
        }

    @property
    def deciding(self) -> str:
        """The name of the judge whose labels count."""
        return next(iter(self.judges))

    @property
    def locators(self) -> tuple[str, ...]:
        """The names of the locators: the setting's, or those that suit the task."""
        return self.settings.task.locator or self.task.locator

    @property
    def locates_later(self) -> bool:
        """Whether exact answers are located after all answers are written, since a model has to be asked."""
        return bool(ASKING.intersection(self.locators))

    @cached_property
    def locator(self) -> Locator:
        """Finds exact answers."""
        return load_locator(self.locators, asker=self.asker)

    @cached_property
    def equivalence(self) -> Equivalence:
        """When two sampled answers are the same."""
        return load_equivalence(self.settings.baselines.equivalence, nli_model=self.settings.judge.nli_model)

    def check_names(self) -> None:
        """Refuse an unknown task, judge, locator or family of probes, and an equivalence without its model or packages.

        Raises:
            UserError: Naming what is allowed.
        """
        _ = self.task, self.judges, self.locator, self.split, self.equivalence
        load_families(self.settings.probe.families)

    def check_sites(self) -> None:
        """Refuse sites and layers that the model does not have.

        Raises:
            CaptureError: For a site.
            SettingsError: For a layer.
        """
        capture = self.settings.capture
        for site in capture.sites:
            layers = sorted(self.language_model.sites.of(site))
            for layer in capture.token_layers:
                if layer not in layers:
                    raise SettingsError(
                        f"setting 'capture.token_layers' names layer {layer} of {site!r}",
                        allowed=f"{layers[0]} to {layers[-1]}",
                    )

    def settle_model(self) -> None:
        """Write down whose answers and states the run holds."""
        identity = self.language_model.identity.as_dict()
        if self.run.manifest.model != identity:
            self.run.manifest.model = identity
            self.run.commit()

    def warn(self, stage: str, message: str) -> None:
        """Say something that the user should read, and keep it for the report."""
        warnings = self.run.manifest.stages[stage].warnings
        if message not in warnings:
            warnings.append(message)
            self.progress.note(f"warning: {message}")
