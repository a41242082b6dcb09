"""Training of small networks: seeded, on mini-batches, touching no global random state."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def descend(
    parameters: Sequence[Tensor],
    loss: Callable[[Tensor], Tensor],
    *,
    rows: int,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    weight_decay: float,
    draws: torch.Generator,
) -> None:
    """Change parameters in place so that a loss falls, by AdamW on shuffled mini-batches.

    Args:
        parameters: What is learned; leaves that require gradients.
        loss: The mean loss over some rows, given by their numbers.
        rows: How many rows there are.
        epochs: How often each row is seen.
        batch_size: Rows of a step.
        learning_rate: Of AdamW.
        weight_decay: Of AdamW.
        draws: Source of the order.

    Example:
        >>> weight, target = torch.zeros(1, requires_grad=True), torch.tensor([1.0, 3.0])
        >>> options = {"batch_size": 2, "learning_rate": 0.1, "weight_decay": 0.0, "draws": torch.Generator()}
        >>> descend([weight], lambda rows: ((weight - target[rows]) ** 2).mean(), rows=2, epochs=200, **options)
        >>> weight.detach().round(decimals=1)
        tensor([2.])
    """
    optimiser = torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=weight_decay, fused=True)
    for _ in range(epochs):
        for batch in torch.split(torch.randperm(rows, generator=draws), batch_size):
            optimiser.zero_grad()
            loss(batch).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
