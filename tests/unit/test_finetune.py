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
from tacitly.errors import ModelError
from tacitly.finetune.adapting import open_trainer
from tacitly.finetune.answers import HeldOutQuestions
from tacitly.finetune.data import FinetuneData
from tacitly.finetune.examples import IGNORED, ExampleMaker
from tacitly.finetune.order import EpochOrder
from tacitly.finetune.publish import push
from tacitly.finetune.trainer import LoraTrainer
from tacitly.finetune.trainer_setup import precision
from tacitly.finetune.tuning import run_finetune
from tacitly.finetune_settings import FinetuneSettings
from tacitly.models.load import load_model, weights_hash
from tacitly.progress import RecordedProgress
from tacitly.records import Question
from tacitly.run_folder import RunFolder
from tacitly.study import run_study
from tacitly.tasks.entity_split import EntitySplit
from tests.unit.finetune_samples import changed, sample_settings

pytestmark = [
    pytest.mark.unit,
    # PEFT and TRL use names that transformers is about to drop.
    pytest.mark.filterwarnings("ignore:.*deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> FinetuneSettings:
    return sample_settings(tmp_path_factory.mktemp("finetune"))


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
    from tacitly.finetune.trainer_setup import make_trainer

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
    from tacitly.finetune.trainer_setup import make_trainer

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


def test_an_adapter_folder_and_its_merged_model_are_the_same_model(tuned: Path, settings: FinetuneSettings) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = settings.model.name
    assert command(["finetune", str(_recipe(tuned)), "--out", str(tuned), "--merge"]) == 0
    adapter, merged, base = (load_model(str(f)).model for f in (tuned, tuned / "merged", model))
    ids = torch.arange(10, 40).unsqueeze(0)
    apart = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(model), str(tuned)).eval()
    outputs = [m(ids).logits.detach().numpy() for m in (apart, adapter, merged, base)]
    np.testing.assert_allclose(outputs[0], outputs[1], atol=1e-5)
    np.testing.assert_allclose(outputs[0], outputs[2], atol=1e-5)
    assert np.abs(outputs[0] - outputs[3]).max() > 1e-3
    card = (tuned / "merged" / "README.md").read_text()
    assert "library_name: transformers" in card
    assert "lora" not in card.partition("---\n")[2].partition("---\n")[0]
    assert weights_hash(str(tuned)) != weights_hash(str(model))
    assert EntitySplit.read(tuned / "merged") == EntitySplit.read(tuned)


def _recipe(tuned: Path) -> Path:
    path = tuned.parent / "recipe.yaml"
    path.write_text(json.dumps(json.loads((tuned / "finetune.json").read_text())["settings"]))
    return path


@pytest.mark.parametrize("opened", [".", "checkpoints/checkpoint-6"])
def test_a_study_of_a_tuned_model_leaves_out_what_it_was_trained_on(
    tuned: Path, settings: FinetuneSettings, tmp_path: Path, opened: str
) -> None:
    name = str(tuned / opened)
    recipe = {"task.name": "file", "task.path": str(settings.task.path), "task.limit": None, "model.name": name}
    progress = RecordedProgress()
    run_study("demo", overrides=recipe, out=tmp_path / "held", until="answers", progress=progress)
    asked = pd.read_parquet(tmp_path / "held" / "questions.parquet")
    assert len(asked) == 12
    assert any("36 of 48 questions" in note for note in progress.notes)
    run_study("demo", overrides={**recipe, "task.entities": "all"}, out=tmp_path / "all", until="questions")
    marked = read_questions(RunFolder.view(tmp_path / "all"))[0]
    parts = [question.meta["training"] for question in marked]
    assert (len(parts), parts.count("trained"), parts.count("held_out")) == (48, 36, 12)


def test_a_base_model_without_a_template_learns_the_plain_form(settings: FinetuneSettings) -> None:
    plain = settings.model_copy(update={"model": settings.model.model_copy(update={"chat_template": "plain"})})
    progress = RecordedProgress()
    data = FinetuneData.read(plain, progress=progress)
    example = data.learned[0][0]
    text = data.language_model.tokenizer.decode(example.input_ids)
    assert text.startswith("Q: What is thing")
    assert "\nA: Thing" in text
    assert any("plain 'Q: / A:' form" in note for note in progress.notes)


def test_four_bit_training_runs_and_is_asked(
    settings: FinetuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = pytest.importorskip("bitsandbytes.nn.modules", reason="4-bit weights need the extra qlora")
    monkeypatch.setattr(layers, "has_avx512bf16", lambda: True)  # such CPUs pack weights so that none can be trained
    done = run_finetune(changed(settings, quantize_4bit=True, max_steps=5, score_examples=1), out=tmp_path / "run")
    assert done.record.training["steps"] == 5
    assert done.record.losses["held_out"][-1][1] < done.record.losses["held_out"][0][1]
    assert set(done.record.scores) == {"before", "after"}


@pytest.mark.parametrize(
    "train", [{"gradient_accumulation": 2}, {"gradient_checkpointing": True}, {"group_by_length": False}]
)
def test_other_ways_to_train_learn_too(
    settings: FinetuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, train: dict[str, Any]
) -> None:
    checkpointed: list[bool] = []
    step = LoraTrainer.training_step

    def watched(self: LoraTrainer, *args: Any, **kwargs: Any) -> torch.Tensor:
        checkpointed.append(any(getattr(m, "gradient_checkpointing", False) for m in self.model.modules()))
        return step(self, *args, **kwargs)

    monkeypatch.setattr(LoraTrainer, "training_step", watched)
    done = run_finetune(changed(settings, max_steps=3, score_examples=1, **train), out=tmp_path / "run")
    assert done.record.losses["held_out"][-1][1] < done.record.losses["held_out"][0][1]
    assert done.record.training["steps"] == 3
    assert len(checkpointed) == 3 * train.get("gradient_accumulation", 1)
    assert all(checkpointed) == any(checkpointed) == train.get("gradient_checkpointing", False)


def test_examples_of_similar_length_are_learned_together() -> None:
    lengths = list(range(1, 65))
    spreads = []
    for grouped in (True, False):
        order = list(EpochOrder(lengths, batch_size=4, seed=0, grouped=grouped))
        batches = [[lengths[i] for i in order[start : start + 4]] for start in range(0, 64, 4)]
        spreads.append(np.mean([max(batch) - min(batch) for batch in batches]))
    assert spreads[0] < spreads[1] / 3


def test_as_many_pairs_as_asked_for_are_drawn_from_those_that_fit(settings: FinetuneSettings, tmp_path: Path) -> None:
    """Of 48 answers those in odd rows are too long to be cut."""
    rows = [json.loads(line) for line in settings.task.path.read_text().splitlines()]
    for row in rows[1::2]:
        row["answers"] = ["It never comes to an end " * 20]
    path = tmp_path / "questions.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    some = changed(changed(settings, max_steps=3, batch_size=4, eval_examples=4), "task", path=path)
    progress = RecordedProgress()
    data = FinetuneData.read(some, progress=progress)
    examples, counts = data.learned
    assert len(examples) == counts.examples == 12
    assert all(int(e.question_id[1:]) % 2 == 0 for e in examples)
    assert counts.too_long > 0
    assert data.evaluated[1].examples == 4
    run_finetune(some, out=tmp_path / "run", progress=progress)
    assert any(f"{counts.too_long} more passed over as too long" in note for note in progress.notes)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{% for m in messages %}{{ m['content'] | upper }}{% endfor %}", "does not write an answer as it is"),
        ("{% for m in messages %}{{ m['content'] }", "the chat template fails"),
        ("{{ raise_exception('no') }}", "the chat template fails: no"),
    ],
)
def test_a_template_that_cannot_be_learned_in_is_refused(
    settings: FinetuneSettings, tmp_path: Path, template: str, message: str
) -> None:
    (tmp_path / "template.jinja").write_text(template)
    asked = changed(settings, "model", chat_template=str(tmp_path / "template.jinja"))
    with pytest.raises(ModelError, match=message) as refused:
        run_finetune(asked, out=tmp_path / "run")
    assert "\n" not in str(refused.value)


def test_a_short_answer_ends_with_the_templates_own_token(settings: FinetuneSettings) -> None:
    data = FinetuneData.read(settings, progress=RecordedProgress())
    maker = ExampleMaker(data.form, data.language_model.end_ids, 96)
    example = maker.make(Question(question_id="1", question="What?", answers=("end",), entity="e"), "What?")
    learned = [label for label in example.labels if label != IGNORED]
    assert data.language_model.tokenizer.decode(learned) == "end<|end|>"


def test_what_is_uploaded_names_a_base_that_a_visitor_can_find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uploaded: dict[str, Any] = {}

    class Api:
        def create_repo(self, name: str, **more: Any) -> str:
            uploaded["private"] = more["private"]
            return f"https://hub/{name}"

        def upload_folder(self, *, ignore_patterns: list[str], **_: Any) -> None:
            uploaded["ignored"] = ignore_patterns

        def upload_file(self, *, path_or_fileobj: bytes, path_in_repo: str, **_: Any) -> None:
            uploaded[path_in_repo] = json.loads(path_or_fileobj)

    monkeypatch.setattr("huggingface_hub.HfApi", Api)
    for base, public in (("embedded", "HuggingFaceTB/SmolLM2-135M-Instruct"), (str(tmp_path), tmp_path.name)):
        (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": base, "r": 4}))
        assert push(tmp_path, "me/mine", progress=RecordedProgress()) == "https://hub/me/mine"
        assert uploaded["adapter_config.json"] == {"base_model_name_or_path": public, "r": 4}
    assert uploaded["private"]
    assert {"finetune.json", "adapter_config.json", "checkpoints/*", "merged/*"} <= set(uploaded["ignored"])


def test_the_answers_after_training_are_those_of_the_folder(tuned: Path, settings: FinetuneSettings) -> None:
    data = FinetuneData.read(settings, progress=RecordedProgress())
    asked = HeldOutQuestions(
        data.scored, [data.form.render(data.task.prompt(q)) for q in data.scored], data.task.max_new_tokens,
        data.task.stop,
    )  # fmt: skip
    answers = asked.ask(load_model(str(tuned)), data.form, RecordedProgress(), when="again")
    assert pd.read_parquet(tuned / "answers.parquet")["after"].tolist() == answers


def test_the_held_out_loss_is_per_token_whatever_the_batches(settings: FinetuneSettings, tmp_path: Path) -> None:
    losses = []
    for batch_size in (1, 3):
        data = FinetuneData.read(changed(settings, batch_size=batch_size), progress=RecordedProgress())
        trainer = open_trainer(data, tmp_path / str(batch_size), RecordedProgress())
        losses.append(trainer.evaluate()["eval_loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_only_questions_that_fit_with_an_answer_are_asked(tmp_path: Path) -> None:
    settings = sample_settings(tmp_path, "gpt2", score_examples=48)
    lines = settings.task.path.read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    for row in rows[::2]:
        row["question"] += " Please." * 28
    settings.task.path.write_text("\n".join(map(json.dumps, rows)))
    data = FinetuneData.read(settings, progress=RecordedProgress())
    held_out = data.part("held_out")
    assert 0 < len(data.scored) < len(held_out)
    assert all(len(q.question) < 60 for q in data.scored)


def test_every_epoch_has_its_order_wherever_the_sampler_lies(settings: FinetuneSettings, tmp_path: Path) -> None:
    trainer = open_trainer(FinetuneData.read(settings, progress=RecordedProgress()), tmp_path, RecordedProgress())
    trainer.get_train_dataloader()
    first, trainer.state.epoch = list(trainer.order), 1.5
    trainer.callback_handler.on_epoch_begin(trainer.args, trainer.state, trainer.control)
    second = list(trainer.order)
    assert first != second
    assert sorted(first) == sorted(second)
    trainer.order.set_epoch(1)
    assert list(trainer.order) == second


def test_the_precision_is_the_models_own_on_a_cpu() -> None:
    computed = "bfloat16" if torch.accelerator.is_available() else "float16"
    assert precision("float16", quantized=False) == computed
    assert precision("float16", quantized=True) == f"{computed} on 4-bit weights"


def test_what_a_merged_model_was_trained_on_is_never_held_out(
    tuned: Path, settings: FinetuneSettings, tmp_path: Path
) -> None:
    command(["finetune", str(_recipe(tuned)), "--out", str(tuned), "--merge"])
    earlier = EntitySplit.read(tuned)
    assert earlier is not None
    rows = [
        {"id": f"n{i}", "question": f"What is {name}?", "answers": ["It is new."], "entity": name}
        for i, name in enumerate(["thing 1", "thing 2", *(f"new {i}" for i in range(10))])
    ]
    (tmp_path / "more.jsonl").write_text("\n".join(map(json.dumps, rows)))
    again = changed(settings, max_steps=1, held_out=0.5)
    again = changed(changed(again, "model", name=str(tuned / "merged")), "task", path=tmp_path / "more.jsonl")
    data = FinetuneData.read(again, progress=RecordedProgress())
    assert earlier.trained <= data.seen.trained
    assert earlier.trained.isdisjoint(q.entity for q in data.part("held_out"))
    assert len(data.seen.entities) == len(earlier.trained | {row["entity"] for row in rows})
    data.seen.write(tmp_path)
    assert EntitySplit.read(tmp_path) == data.seen
