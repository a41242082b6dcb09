"""Baselines on the graph whose edges say how alike each two samples are."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from tacitly.baselines.base import SamplingBaseline
from tacitly.baselines.equivalence import SIMILARITIES, EquivalenceName
from tacitly.baselines.sampled_question import SampledQuestion

Measure = Literal["degree_matrix", "eigenvalue_laplacian", "eccentricity"]
_KEPT_BELOW = 0.9


def degree_matrix(similarity: Float[np.ndarray, "sample sample"]) -> float:
    """One minus the mean similarity of all pairs of samples, each with itself among them: 0 where all are alike.

    Args:
        similarity: How alike each two samples are, symmetric.

    Reference:
        Lin, Trivedi and Sun (TMLR 2024), "Generating with Confidence", section 4.2 ("degree matrix"); LM-Polygraph's
        `DegMat`.

    Example:
        >>> degree_matrix(np.array([[1.0, 0.5], [0.5, 1.0]]))
        0.25
    """
    return 1.0 - float(similarity.mean())


def eigenvalue_laplacian(similarity: Float[np.ndarray, "sample sample"]) -> float:
    """The summed eigenvalues of the similarity's normalised graph: a continuous number of classes, from 1 on.

    Args:
        similarity: How alike each two samples are, symmetric.

    Reference:
        Lin, Trivedi and Sun (TMLR 2024), section 4.2 ("sum of eigenvalues of the graph Laplacian"); LM-Polygraph's
        `EigValLaplacian`.

    Example:
        >>> round(eigenvalue_laplacian(np.ones((3, 3))), 6), round(eigenvalue_laplacian(np.eye(3)), 6)
        (1.0, 3.0)
    """
    return float(np.maximum(0.0, 1.0 - np.linalg.eigvalsh(_laplacian(similarity))).sum())


def eccentricity(similarity: Float[np.ndarray, "sample sample"]) -> float:
    """How far the samples lie from their centre in the Laplacian's eigenvectors with eigenvalues below 0.9.

    Args:
        similarity: How alike each two samples are, symmetric.

    Reference:
        Lin, Trivedi and Sun (TMLR 2024), section 4.2 ("eccentricity"); LM-Polygraph's `Eccentricity`.

    Example:
        >>> round(eccentricity(np.ones((3, 3))), 6), round(eccentricity(np.eye(3)), 6)
        (0.0, 1.414214)
    """
    values, vectors = np.linalg.eigh(_laplacian(similarity))
    kept = vectors[:, values < _KEPT_BELOW]
    return float(np.linalg.norm(kept - kept.mean(axis=0)))


_MEASURES: dict[Measure, Callable[[Float[np.ndarray, "sample sample"]], float]] = {
    "degree_matrix": degree_matrix,
    "eigenvalue_laplacian": eigenvalue_laplacian,
    "eccentricity": eccentricity,
}


@dataclass(frozen=True, slots=True)
class SimilarityGraph:
    """Minus one measure of how far apart the samples are, by the similarity that goes with the equivalence."""

    measure: Measure
    equivalence: EquivalenceName

    @property
    def name(self) -> str:
        """Such as `degree_matrix_jaccard`."""
        return f"{self.measure}_{SIMILARITIES[self.equivalence]}"

    def score(self, question: SampledQuestion) -> float:
        """Minus the measure."""
        return -_MEASURES[self.measure](question.similarity)


def graph_baselines(equivalence: EquivalenceName) -> tuple[SamplingBaseline, ...]:
    """Every baseline of this file.

    Example:
        >>> [baseline.name for baseline in graph_baselines("match")]
        ['degree_matrix_jaccard', 'eigenvalue_laplacian_jaccard', 'eccentricity_jaccard']
    """
    return tuple(SimilarityGraph(measure, equivalence) for measure in _MEASURES)


def _laplacian(similarity: Float[np.ndarray, "sample sample"]) -> Float[np.ndarray, "sample sample"]:
    """The symmetric normalised Laplacian; every sample is alike to itself, so that no degree is 0."""
    scale = 1.0 / np.sqrt(similarity.sum(axis=1))
    laplacian: Float[np.ndarray, "sample sample"] = np.eye(len(similarity)) - scale[:, None] * similarity * scale
    return laplacian
