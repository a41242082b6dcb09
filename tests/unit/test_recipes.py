"""Every bundled recipe is one that runs, and a recipe of several studies says which it holds."""

from pathlib import Path

import pytest

from tacitly.cli.main import run as command
from tacitly.errors import SettingsError
from tacitly.judges.catalog import JUDGES
from tacitly.locators.catalog import LOCATORS
from tacitly.recipes import load_finetune_recipe, load_recipe
from tacitly.recipes.files import bundled_recipes, run_name, studies_of
from tacitly.tasks.catalog import TASKS, load_task

pytestmark = pytest.mark.unit

STUDIES = [study for name in bundled_recipes() if not name.startswith("finetune-") for study in studies_of(name)]
PAPER_MODELS = {
    "paper-mistral-7b-instruct": "mistralai/Mistral-7B-Instruct-v0.2",
    "paper-mistral-7b": "mistralai/Mistral-7B-v0.3",
    "paper-llama3-8b-instruct": "meta-llama/Meta-Llama-3-8B-Instruct",
    "paper-llama3-8b": "meta-llama/Meta-Llama-3-8B",
}
PAPER_TASKS = {
    "triviaqa", "hotpotqa", "hotpotqa_context", "nq_context", "winobias", "winogrande", "mnli", "math", "imdb",
    "movies",
}  # fmt: skip
MEDICAL_TASKS = {
    "medfacts", "medquad_inheritance", "medquad_genes", "medquad", "medqa", "medmcqa", "pubmedqa", "medhallu",
}  # fmt: skip


@pytest.mark.parametrize("study", STUDIES)
def test_a_bundled_study_names_what_there_is(study: str) -> None:
    settings = load_recipe(study)
    task = load_task(settings.task.name, path=settings.task.path, limit=settings.task.limit)
    assert set(settings.task.judge or (task.judge,)) <= set(JUDGES)
    assert set(settings.task.locator or task.locator) <= set(LOCATORS)
    assert settings.task.name in TASKS


@pytest.mark.parametrize("name", [name for name in bundled_recipes() if name.startswith("finetune-")])
def test_a_bundled_finetuning_names_what_there_is(name: str) -> None:
    assert load_finetune_recipe(name).task.name in TASKS


def test_the_papers_models_each_have_its_ten_tasks() -> None:
    for recipe, model in PAPER_MODELS.items():
        settings = [load_recipe(study) for study in studies_of(recipe)]
        assert {one.task.name for one in settings} == PAPER_TASKS
        assert {(one.model.name, one.generate.samples) for one in settings} == {(model, 30)}
        base = "Instruct" not in model
        assert {one.model.chat_template for one in settings} == {"plain" if base else "auto"}


def test_the_medical_studies_are_of_llama_and_eight_tasks() -> None:
    settings = [load_recipe(study) for study in studies_of("medical-llama32-1b")]
    assert {one.task.name for one in settings} == MEDICAL_TASKS
    assert {one.model.name for one in settings} == {"meta-llama/Llama-3.2-1B"}


def test_studies_that_run_here_need_nothing_but_the_data_beside_the_checkout() -> None:
    for study in (*studies_of("paper-embedded"), *studies_of("medical-embedded")):
        settings = load_recipe(study)
        assert settings.model.name == "embedded"
        assert settings.task.name == "medfacts" or settings.task.path is not None


def write(folder: Path, **recipes: str) -> None:
    for name, text in recipes.items():
        (folder / f"{name}.yaml").write_text(text)


def test_a_recipe_lies_on_top_of_its_base_and_a_study_on_top_of_both(tmp_path: Path) -> None:
    write(
        tmp_path,
        low="task: {limit: 5, name: cities}\ngenerate: {samples: 3}\nstudies: {old: {}}",
        high="base: low.yaml\ntask: {limit: 6}\nstudies: {a: {task: {name: medfacts}}, b: }",
    )
    high = str(tmp_path / "high.yaml")
    assert studies_of(high) == (f"{high}/a", f"{high}/b")
    a, b = (load_recipe(study, overrides=["seed=4"]) for study in studies_of(high))
    assert (a.task.name, a.task.limit, a.generate.samples, a.seed) == ("medfacts", 6, 3, 4)
    assert (b.task.name, b.task.limit) == ("cities", 6)
    assert run_name(f"{high}/a") == Path("high/a")


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ("two.yaml", r"holds 2 studies; allowed: .*two\.yaml/first, .*two\.yaml/second"),
        ("two.yaml/frist", r"has no study 'frist'; allowed: .*; did you mean 'first'"),
        ("one.yaml/first", r"is one study and has no 'first'; write '.*one\.yaml' alone"),
        ("loop.yaml", r"builds on itself: .*loop\.yaml on .*pool\.yaml on .*loop\.yaml"),
        ("lost.yaml", "unknown recipe 'nowhere'; allowed: a YAML file, or one of demo"),
        ("listed.yaml", "'studies' is no mapping of names to settings; allowed: such as"),
        ("inner.yaml/first", "unknown setting 'tusk'; allowed: "),
        ("none.yaml/first", "unknown recipe '.*none.yaml/first'"),
    ],
)
def test_what_is_no_recipe_is_said_in_one_line(tmp_path: Path, recipe: str, words: str) -> None:
    write(
        tmp_path,
        one="task: {name: cities}",
        two="studies: {first: {}, second: {}}",
        loop="base: pool.yaml",
        pool="base: loop.yaml",
        lost="base: nowhere",
        listed="studies: [first, second]",
        inner="studies: {first: {tusk: {name: cities}}}",
    )
    with pytest.raises(SettingsError, match=words) as caught:
        load_recipe(tmp_path / recipe)
    assert "\n" not in str(caught.value)


def test_a_recipe_of_several_studies_runs_each_in_its_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.tiny import save_model

    monkeypatch.chdir(tmp_path)
    save_model(tmp_path / "model")
    write(
        tmp_path,
        mine="task: {limit: 4, prompt: '{question}'}\nmodel: {name: model}\ngenerate: {max_new_tokens: 4}\n"
        "studies: {organs: {}, second: {seed: 1}}",
    )
    assert command(["study", "mine.yaml", "--until", "questions"]) == 0
    assert "study mine.yaml/organs" in capsys.readouterr().out
    assert all((tmp_path / "runs" / "mine" / name / "manifest.json").exists() for name in ("organs", "second"))
    assert command(["study", "mine.yaml/second", "--until", "questions", "--out", "other"]) == 0
    assert (tmp_path / "other" / "questions.parquet").exists()
    assert command(["study", "mine.yaml", "--until", "questions", "--out", "others"]) == 0
    assert (tmp_path / "others" / "organs" / "questions.parquet").exists()
