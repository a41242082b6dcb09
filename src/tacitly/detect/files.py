"""Scoring a file of answers: in and out a few hundred lines at a time."""

from collections import Counter
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from tacitly.detect.reading import RefusedRow, open_answers
from tacitly.detect.scorer import Scorer
from tacitly.detect.writing import AnswerWriter, check_target
from tacitly.errors import TaskError
from tacitly.probes.detector_folder import open_detector
from tacitly.probes.verdict import VERDICTS
from tacitly.progress import Progress, RecordedProgress


@dataclass(frozen=True, slots=True)
class DetectResult:
    """What was found in a file of answers.

    Attributes:
        verdicts: How many answers have each verdict.
        errors: How many rows could not be looked at.
        first_error: The first of their errors.
    """

    verdicts: dict[str, int]
    errors: int
    first_error: str | None

    @property
    def answers(self) -> int:
        """How many rows there were."""
        return sum(self.verdicts.values()) + self.errors


def detect_answers(
    source: str | Path,
    *,
    detector: str | Path,
    model: str | Path | None = None,
    out: str | Path | None = None,
    batch_size: int = 64,
    strict: bool = False,
    progress: Progress | None = None,
) -> DetectResult:
    """Score the answers of a file.

    Args:
        source: A `.jsonl` or `.csv` file with `question`, `answer` or `token_ids`, and perhaps `id`, `context`,
            `choices`; `-` for standard input.
        detector: The folder of a detector, or of a run that has one.
        model: Where its model is now; by default what the detector names.
        out: A `.csv` file, or another for JSONL; standard output by default.
        batch_size: The most answers that the model reads at once.
        strict: Stop at the first row that cannot be looked at, instead of writing an `error` in its place.
        progress: Hears what is going on.

    Returns:
        The counts.

    Raises:
        UserError: For anything that the user can mend; what was written stays.
    """
    progress = progress or RecordedProgress()
    target = None if out is None else Path(out)
    check_target(target, source)
    opened = open_detector(detector)
    with open_answers(source) as answers, AnswerWriter(target) as writer:
        first = next(answers)  # a file of another kind is refused before a model is opened
        if strict and isinstance(first, RefusedRow):
            raise TaskError(first.error)
        progress.begin("loading the model", None)
        scorer = Scorer(opened, model, batch_size=batch_size, note=progress.note)
        for caution in scorer.cautions:
            progress.note(f"caution: {caution}; its scores may mean less here")
        progress.begin("answers", None)
        counts, errors, first_error = Counter[str](), 0, None
        for window in scorer.score_together(chain([first], answers)):
            bad = [one.error for one in window if one.error is not None]
            if bad and strict:
                writer.write(window[: next(i for i, one in enumerate(window) if one.error is not None)])
                raise TaskError(bad[0])
            writer.write(window)
            progress.advance(len(window))
            counts.update(one.verdict for one in window if one.verdict is not None)
            errors, first_error = errors + len(bad), first_error or next(iter(bad), None)
    return DetectResult({name: counts[name] for name in VERDICTS}, errors, first_error)
