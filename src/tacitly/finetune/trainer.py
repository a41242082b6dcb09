"""TRL's trainer with our care: loss on the answer only, no step lost, no broken number kept."""

import json
import math
import shutil
import time
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch.nn.functional import cross_entropy
from transformers import TrainerState, set_seed
from transformers.trainer import TRAINER_STATE_NAME
from trl.trainer.sft_trainer import SFTTrainer

from tacitly.errors import TrainingError
from tacitly.finetune.checkpoints import explained, last_whole, mark_whole
from tacitly.finetune.examples import IGNORED
from tacitly.finetune.order import EpochOrder
from tacitly.tasks.entity_split import FILE as SPLIT

_SPENT = "spent.json"


class LoraTrainer(SFTTrainer):
    """Stops at a loss or a weight that is no longer a number, before it reaches a checkpoint.

    Attributes:
        tokens_seen: Tokens of the batches of every step, without padding, also of the starts before this one.
        seconds: What training took, evaluations and checkpoints included, also before, up to the last checkpoint.
        order: The order of the examples, once training has begun.

    Its evaluation loss is per token.
    """

    tokens_seen = 0
    seconds = 0.0
    order: EpochOrder | None = None
    _begun = 0.0

    def go_on(self, checkpoint: Path | None) -> None:
        """Train, from a checkpoint on where there is one; one whose last step is done is only loaded."""
        # What came before (an evaluation, or none after a restart) must not decide what dropout draws.
        set_seed(self.args.seed)
        if self.args.world_size > 1:
            # Prepared for an evaluation, the model would pass for prepared to train, and every process learn alone.
            vars(self.model).pop("_is_accelerate_prepared", None)
        self._begun = time.monotonic()
        if checkpoint is None:
            self.train()
            return
        spent = json.loads((checkpoint / _SPENT).read_text(encoding="utf-8"))
        self.tokens_seen, self.seconds = spent["tokens"], spent["seconds"]
        self._begun -= self.seconds
        state = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME))
        if state.global_step < state.max_steps:
            self.train(resume_from_checkpoint=str(checkpoint))
        else:  # the trainer would take one step more
            self._load_from_checkpoint(str(checkpoint))
            self.state = state

    def _get_train_sampler(self, train_dataset: Any = None) -> EpochOrder:
        examples: Dataset = train_dataset or self.train_dataset
        lengths = [len(ids) for ids in examples["input_ids"]]
        batch_size = self.args.train_batch_size * self.args.gradient_accumulation_steps
        grouped = self.args.train_sampling_strategy == "group_by_length"
        self.order = EpochOrder(lengths, batch_size=batch_size, seed=self.args.seed, grouped=grouped)
        return self.order

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """One batch forward and backward.

        Raises:
            TrainingError: If its loss is NaN or infinite.
        """
        inputs: dict[str, torch.Tensor] = args[1]
        self.tokens_seen += int(self.accelerator.reduce(inputs["attention_mask"].sum()))
        loss: torch.Tensor = super().training_step(*args, **kwargs)  # type: ignore[no-untyped-call]
        if not math.isfinite(loss.item()):
            raise self._diverged("the loss", self.state.global_step + 1)
        return loss

    def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """The loss of one batch; on a CPU with the output layer at the learned positions only.

        TRL's own computes the logits twice, forward and backward, which saves memory that an accelerator lacks and
        costs time that a CPU lacks. Models with a loss beside that of the tokens are left to it.
        """
        outputs_wanted = kwargs.get("return_outputs", bool(args and args[0]))
        if self.args.device.type != "cpu" or self.args.world_size > 1 or self.aux_loss_enabled or outputs_wanted:
            return super().compute_loss(model, inputs, *args, **kwargs)  # type: ignore[no-untyped-call]
        targets = inputs["labels"][:, 1:]
        learned = (targets != IGNORED).any(dim=0).nonzero().squeeze(1)
        logits = model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], logits_to_keep=learned,
            use_cache=False,
        ).logits  # fmt: skip
        targets = targets[:, learned].flatten()
        loss = cross_entropy(logits.flatten(0, 1).float(), targets, ignore_index=IGNORED, reduction="sum")
        counted = kwargs.get("num_items_in_batch")
        return loss / ((targets != IGNORED).sum() if counted is None else counted)

    def prediction_step(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """The mean loss of one batch, which also goes into the sum over all of them."""
        loss, *rest = super().prediction_step(model, inputs, *args, **kwargs)
        tokens = (inputs["labels"][:, 1:] != IGNORED).sum()
        self._loss_and_tokens += torch.stack([loss.double() * tokens, tokens.double()]).cpu()
        return loss, *rest

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        """The loss per token; the trainer's own is the mean over batches, however many tokens they have.

        Raises:
            TrainingError: If it is NaN or infinite.
        """
        self._loss_and_tokens = torch.zeros(2, dtype=torch.float64)
        output = super().evaluation_loop(*args, **kwargs)
        device = self.args.device
        total, tokens = self.accelerator.reduce(self._loss_and_tokens.to(device)).tolist()
        if not math.isfinite(total):
            raise self._diverged("the loss on held-out entities", self.state.global_step)
        return output._replace(metrics={**(output.metrics or {}), "eval_loss": total / tokens})

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """Write no card into the checkpoints: the model's own is written at the end."""

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        step = self.state.global_step
        checkpoint = Path(str(self.args.output_dir)) / f"checkpoint-{step}"
        if not all(bool(torch.isfinite(p).all()) for p in model.parameters() if p.requires_grad):
            raise self._diverged("a weight", step)
        with explained(checkpoint):
            super()._save_checkpoint(model, trial)  # type: ignore[no-untyped-call]
            self.accelerator.wait_for_everyone()
            self.seconds = time.monotonic() - self._begun
            if self.args.should_save:
                # A checkpoint opens as a model, too, and its studies must know what it was trained on.
                shutil.copyfile(checkpoint.parents[1] / SPLIT, checkpoint / SPLIT)
                spent = {"tokens": self.tokens_seen, "seconds": self.seconds}
                (checkpoint / _SPENT).write_text(json.dumps(spent), encoding="utf-8")
                mark_whole(checkpoint)

    def _diverged(self, what: str, step: int) -> TrainingError:
        if step == 0:
            return TrainingError(f"{what} is not finite before training", remedy="check the model and model.dtype")
        good = last_whole(Path(str(self.args.output_dir)))
        kept = f"the last good checkpoint stays in {str(good)!r}; " if good else ""
        return TrainingError(
            f"{what} is no longer finite at step {step}",
            remedy=f"{kept}start anew with another --out and a lower train.learning_rate",
        )
