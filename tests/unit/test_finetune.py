"""Fine-tuning: what is learned, what is held out, what comes out, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from tacitly.cli.main import run as command
from tacitly.collect.tables import read_questions
from tacitly.errors import SettingsError, StorageError, TaskError, TrainingError
from tacitly.finetune.data import FinetuneData
from tacitly.finetune.examples import IGNORED
from tacitly.finetune.tuning import run_finetune
from tacitly.models.load import load_model, weights_hash
from tacitly.progress import RecordedProgress
from tacitly.run_folder import RunFolder
from tacitly.settings import FinetuneSettings
from tacitly.study import run_study
from tacitly.tasks.entity_split import EntitySplit
from tests.tiny import save_model

pytestmark = [
    pytest.mark.unit,
    # PEFT and TRL use names that transformers is about to drop.
    pytest.mark.filterwarnings("ignore:.*deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

TRAIN = {
    "max_steps": 6, "save_steps": 2, "log_steps": 2, "max_length": 96, "lora_r": 4, "score_examples": 4,
    "learning_rate": 5e-3, "eval_examples": 8,
}  # fmt: skip


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("finetune") / "questions.jsonl"
    rows = [
        {
            "id": f"q{i}",
            "question": f"What is thing {i % 12}?",
            "answers": [f"Thing {i % 12} is a thing. It is the {i}th row. " + "It goes on. " * (i % 7)],
            "entity": f"thing {i % 12}",
        }
        for i in range(48)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def settings(questions: Path, model: Path) -> FinetuneSettings:
    return FinetuneSettings(task={"name": "file", "path": questions}, model={"name": str(model)}, train=TRAIN)


def changed(settings: FinetuneSettings, **train: Any) -> FinetuneSettings:
    return settings.model_copy(update={"train": settings.train.model_copy(update=train)})


@pytest.fixture(scope="module")
def tuned(settings: FinetuneSettings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_finetune(settings, out=tmp_path_factory.mktemp("tuned") / "run").folder


def test_only_the_answer_has_a_loss(settings: FinetuneSettings) -> None:
    data = FinetuneData.read(settings, progress=RecordedProgress())
    examples, counts = data.learned
    tokenizer = data.language_model.tokenizer
    by_id = {question.question_id: question for question in data.questions}
    for example in examples:
        question = by_id[example.question_id]
        prompt = data.form.render(data.task.prompt(question))
        learned = [label for label in example.labels if label != IGNORED]
        assert tokenizer.decode(example.input_ids[: -len(learned)]) == prompt
        answer = tokenizer.decode(learned)
        assert answer.endswith("<|end|>")
        assert question.answers[0].startswith(answer.removesuffix("<|end|>"))
        assert list(example.input_ids[-len(learned) :]) == learned
        assert len(example.input_ids) <= 96
    assert counts.cut == sum(e.cut for e in examples) > 0
    assert all(tokenizer.decode(e.input_ids).removesuffix("<|end|>").endswith(".") for e in examples if e.cut)


def test_the_batches_reach_the_model_with_those_labels(settings: FinetuneSettings, tmp_path: Path) -> None:
    from tacitly.finetune.trainer import make_trainer

    data = FinetuneData.read(settings, progress=RecordedProgress())
    trainer = make_trainer(
        data.language_model, settings, train=data.learned[0], held_out=data.evaluated[0], folder=tmp_path,
        progress=RecordedProgress(),
    )  # fmt: skip
    batch = next(iter(trainer.get_train_dataloader()))
    wanted = {e.input_ids: e.labels for e in data.learned[0]}
    for ids, labels, mask in zip(batch["input_ids"], batch["labels"], batch["attention_mask"], strict=True):
        row = tuple(ids[mask.bool()].tolist())
        assert tuple(labels[mask.bool()].tolist()) == wanted[row]
        assert (labels[~mask.bool()] == IGNORED).all()


@pytest.mark.parametrize("counted", [None, 100])
def test_the_loss_is_the_models_own(settings: FinetuneSettings, tmp_path: Path, counted: int | None) -> None:
    from tacitly.finetune.trainer import make_trainer

    data = FinetuneData.read(settings, progress=RecordedProgress())
    trainer = make_trainer(
        data.language_model, changed(settings, lora_dropout=0.0), train=data.learned[0], held_out=data.evaluated[0],
        folder=tmp_path, progress=RecordedProgress(),
    )  # fmt: skip
    batch = next(iter(trainer.get_train_dataloader()))
    loss = trainer.compute_loss(trainer.model, dict(batch), num_items_in_batch=counted)
    own = trainer.model(**batch).loss
    learned = int((batch["labels"] != IGNORED).sum())
    assert loss.item() == pytest.approx(own.item() * (learned / counted if counted else 1), rel=1e-5)
    weights = [p for p in trainer.model.parameters() if p.requires_grad]
    ours, theirs = (torch.autograd.grad(one / one.item(), weights) for one in (loss, own))
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(ours, theirs, strict=True))


def test_the_split_is_by_entity_and_written_down(tuned: Path) -> None:
    split = EntitySplit.read(tuned)
    assert split is not None
    assert sorted(split.entities.values()).count("held_out") == 3  # of 12 entities with 4 questions each: 20 %
    record = json.loads((tuned / "finetune.json").read_text())
    assert record["data"]["questions"] == {"trained": 36, "held_out": 12}
    assert record["complete"]


def test_what_was_not_drawn_counts_as_held_out(settings: FinetuneSettings) -> None:
    data = FinetuneData.read(changed(settings, max_steps=1), progress=RecordedProgress())
    drawn = {e.question_id for e in data.learned[0]}
    entities = {q.entity for q in data.questions if q.question_id in drawn}
    assert len(drawn) == 4
    assert {e for e, part in data.seen.entities.items() if part == "trained"} == entities
    assert entities < {e for e, part in data.split.entities.items() if part == "trained"}
    assert all(data.seen.part_of(q) == ("trained" if q.entity in entities else "held_out") for q in data.questions)


def test_the_loss_on_held_out_entities_falls_and_is_written_down(tuned: Path) -> None:
    record = json.loads((tuned / "finetune.json").read_text())
    steps = [step for step, _ in record["losses"]["held_out"]]
    assert (steps[0], steps[-1]) == (0, 6)
    assert record["losses"]["held_out"][-1][1] < record["losses"]["held_out"][0][1]
    assert set(record["scores"]) == {"before", "after"}
    card = (tuned / "README.md").read_text()
    assert "lora_r" in card
    assert "held out" in card
    assert not {f.name for f in tuned.iterdir()} & {"adapter_model.bin", "pytorch_model.bin"}
    assert len(list((tuned / "checkpoints").glob("checkpoint-*/adapter_model.safetensors"))) == 2


def test_an_adapter_folder_and_its_merged_model_are_the_same_model(tuned: Path, model: Path) -> None:
    assert command(["finetune", str(_recipe(tuned)), "--out", str(tuned), "--merge"]) == 0
    adapter, merged, base = (load_model(str(f)) for f in (tuned, tuned / "merged", model))
    ids = torch.arange(10, 40).unsqueeze(0)
    outputs = [m.model(ids).logits.detach().numpy() for m in (adapter, merged, base)]
    np.testing.assert_allclose(outputs[0], outputs[1], atol=1e-5)
    assert np.abs(outputs[0] - outputs[2]).max() > 1e-3
    assert weights_hash(str(tuned)) != weights_hash(str(model))
    assert EntitySplit.read(tuned / "merged") == EntitySplit.read(tuned)


def _recipe(tuned: Path) -> Path:
    path = tuned.parent / "recipe.yaml"
    path.write_text(json.dumps(json.loads((tuned / "finetune.json").read_text())["settings"]))
    return path


def test_a_study_of_a_tuned_model_leaves_out_what_it_was_trained_on(
    tuned: Path, questions: Path, tmp_path: Path
) -> None:
    recipe = {"task.name": "file", "task.path": str(questions), "task.limit": None, "model.name": str(tuned)}
    progress = RecordedProgress()
    run_study("demo", overrides=recipe, out=tmp_path / "held", until="answers", progress=progress)
    asked = pd.read_parquet(tmp_path / "held" / "questions.parquet")
    assert len(asked) == 12
    assert any("36 of 48 questions" in note for note in progress.notes)
    run_study("demo", overrides={**recipe, "task.entities": "all"}, out=tmp_path / "all", until="questions")
    marked = read_questions(RunFolder.view(tmp_path / "all"))[0]
    parts = [question.meta["training"] for question in marked]
    assert (len(parts), parts.count("trained"), parts.count("held_out")) == (48, 36, 12)


def test_a_stopped_training_goes_on_and_ends_the_same(
    settings: FinetuneSettings, tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tacitly.finetune.trainer import LoraTrainer

    step = LoraTrainer.training_step

    def stop_at_five(self: LoraTrainer, *args: Any, **kwargs: Any) -> torch.Tensor:
        if self.state.global_step == 4:
            raise KeyboardInterrupt
        return step(self, *args, **kwargs)

    monkeypatch.setattr(LoraTrainer, "training_step", stop_at_five)
    with pytest.raises(KeyboardInterrupt):
        run_finetune(settings, out=tmp_path / "run")
    monkeypatch.undo()
    progress = RecordedProgress()
    again = run_finetune(settings, out=tmp_path / "run", progress=progress)
    assert any("going on from step 4" in note for note in progress.notes)
    assert (again.folder / "adapter_model.safetensors").read_bytes() == (
        tuned / "adapter_model.safetensors"
    ).read_bytes()
    assert again.record.losses == json.loads((tuned / "finetune.json").read_text())["losses"]
    assert run_finetune(settings, out=tmp_path / "run").did is False


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_checkpoint(
    settings: FinetuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trl.trainer.sft_trainer import SFTTrainer

    step = SFTTrainer.training_step

    def broken(self: SFTTrainer, *args: Any, **kwargs: Any) -> torch.Tensor:
        loss: torch.Tensor = step(self, *args, **kwargs)
        return loss * float("nan") if self.state.global_step == 3 else loss

    monkeypatch.setattr(SFTTrainer, "training_step", broken)
    with pytest.raises(TrainingError, match=r"the loss is no longer finite at step 4; the last good checkpoint"):
        run_finetune(settings, out=tmp_path / "run")
    assert (tmp_path / "run" / "checkpoints" / "checkpoint-2" / "whole.json").is_file()


def test_a_full_disk_is_one_line_and_the_last_checkpoint_stays(
    settings: FinetuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors import SafetensorError
    from trl.trainer.sft_trainer import SFTTrainer

    save = SFTTrainer._save_checkpoint

    def full(self: SFTTrainer, model: Any, trial: Any) -> None:
        if self.state.global_step == 4:
            raise SafetensorError("I/O error: No space left on device (os error 28)")
        save(self, model, trial)

    monkeypatch.setattr(SFTTrainer, "_save_checkpoint", full)
    with pytest.raises(StorageError, match="the disk is full"):
        run_finetune(settings, out=tmp_path / "run")
    monkeypatch.undo()
    assert (tmp_path / "run" / "checkpoints" / "checkpoint-2" / "whole.json").is_file()
    assert run_finetune(settings, out=tmp_path / "run").record.complete


def test_other_settings_are_refused_by_name(tuned: Path, settings: FinetuneSettings) -> None:
    with pytest.raises(TrainingError, match=r"train\.learning_rate was 0\.005, now 0\.1; give the same settings"):
        run_finetune(changed(settings, learning_rate=0.1), out=tuned)
    assert run_finetune(changed(settings, report_to=("tensorboard",)), out=tuned).did is False


def test_what_cannot_be_trained_is_refused(settings: FinetuneSettings, tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"no question that would be trained on fits into train\.max_length=16"):
        run_finetune(changed(settings, max_length=16), out=tmp_path / "a")
    with pytest.raises(SettingsError, match=r"'train.max_length' is 100000; allowed: at most the model's 256"):
        run_finetune(changed(settings, max_length=100_000), out=tmp_path / "b")
    with pytest.raises(TaskError, match="leaves one part empty"):
        run_finetune(changed(settings, held_out=0.999), out=tmp_path / "c")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "thesis.txt").write_text("mine")
    with pytest.raises(TrainingError, match=r"holds files but no finetune\.json"):
        run_finetune(settings, out=tmp_path / "d")
    with pytest.raises(TrainingError, match="the trainer refuses the settings"):
        run_finetune(changed(settings, scheduler="sideways"), out=tmp_path / "e")


def test_a_base_model_without_a_template_learns_the_plain_form(settings: FinetuneSettings) -> None:
    plain = settings.model_copy(update={"model": settings.model.model_copy(update={"chat_template": "plain"})})
    progress = RecordedProgress()
    data = FinetuneData.read(plain, progress=progress)
    example = data.learned[0][0]
    text = data.language_model.tokenizer.decode(example.input_ids)
    assert text.startswith("Q: What is thing")
    assert "\nA: Thing" in text
    assert any("plain 'Q: / A:' form" in note for note in progress.notes)


def test_four_bit_training_runs(settings: FinetuneSettings, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    done = run_finetune(changed(settings, quantize_4bit=True, max_steps=5, score_examples=0), out=tmp_path / "run")
    assert done.record.training["steps"] == 5
    assert done.record.losses["held_out"][-1][1] < done.record.losses["held_out"][0][1]
