"""Judging by how alike an answer and a reference are in meaning."""

from tacitly.judges.similarity import SimilarityJudge
from tacitly.judges.thresholds import read_calibration
from tacitly.models.embedder import Embedder


def embedding_judge() -> SimilarityJudge:
    """The judge `embedding`, with the threshold that comes with the package; it cuts texts to what the model reads.

    Raises:
        SettingsError: The packages of the extra `similarity` are not there.
    """
    return SimilarityJudge("embedding", Embedder().similarities, read_calibration("embedding"))
