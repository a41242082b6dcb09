"""How much matrix work a set of answers needs at least, counted from the model's structure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from torch import nn
from transformers import PreTrainedModel

from tacitly.models.sites import find_blocks


@dataclass(frozen=True, slots=True)
class MatrixWork:
    """What one token costs in the products with the model's weights; those of the attention itself are not counted.

    Attributes:
        blocks: Operations of all blocks, two for each weight.
        output: Operations of the output layer.
    """

    blocks: int
    output: int

    @classmethod
    def of(cls, model: PreTrainedModel) -> "MatrixWork":
        """Read it off a model.

        Raises:
            ValueError: The blocks hold weights of which a token meets only some (a mixture of experts).
        """
        weights = [p for p in find_blocks(model).parameters() if p.ndim > 1]
        if any(p.ndim > 2 for p in weights):
            raise ValueError(f"{type(model).__name__} has weights that not every token meets")
        output: nn.Module = model.get_output_embeddings()  # type: ignore[no-untyped-call]
        return cls(2 * sum(p.numel() for p in weights), 2 * sum(p.numel() for p in output.parameters() if p.ndim > 1))

    def of_answers(self, prompts: Sequence[tuple[int, ...]], chosen: Sequence[int]) -> int:
        """Operations that no way of writing these answers can do without.

        The prompts' common beginning is read once, and what each distinct prompt adds to it once; the output layer is
        needed after each distinct prompt and after each token that is fed. The last token that is chosen for an answer
        is not fed.

        Args:
            prompts: The prompt of each answer.
            chosen: How many tokens were chosen for each answer, its end token counted.

        Example:
            >>> MatrixWork(blocks=10, output=1).of_answers([(1, 2, 3), (1, 2, 4), (1, 2, 4)], [3, 1, 2])
            75
        """
        distinct = set(prompts)
        ends = zip(min(distinct), max(distinct), strict=False)  # what the first and the last share, all share
        alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], ends))
        shared = min(alike, min(map(len, distinct)) - 1)
        read = shared + sum(len(prompt) - shared for prompt in distinct)
        fed = sum(n - 1 for n in chosen)
        return self.blocks * (read + fed) + self.output * (len(distinct) + fed)
