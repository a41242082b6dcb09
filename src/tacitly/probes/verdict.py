"""What a probability means for whoever relies on an answer."""

from typing import Literal, get_args

from tacitly.probes.detector_header import Abstention

Verdict = Literal["trust", "doubt", "abstain"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


def judge(p_correct: float | None, *, threshold: float, promise: Abstention | None = None) -> Verdict:
    """Say what a detector's probability comes to.

    `trust` is given to what the promise accepts, where one was asked for, and else from the probe's threshold on;
    `doubt` to what is neither trusted nor reaches the probe's threshold. Between the two, and without a probability,
    the detector says neither: `abstain`.

    Args:
        p_correct: The calibrated probability that the answer is right; None where there is none.
        threshold: From where on the probe that gave it calls an answer right.
        promise: The detector's promise, if it was asked for one. One that found no threshold trusts nothing.

    Example:
        >>> judge(0.6, threshold=0.5), judge(0.4, threshold=0.5), judge(None, threshold=0.5)
        ('trust', 'doubt', 'abstain')
        >>> none = Abstention(alpha=0.1, delta=0.05, threshold=None, reason="too few answers", groups=9, answers=9,
        ...                   accepted=None, errors=None, trials=())
        >>> judge(0.6, threshold=0.5, promise=none), judge(0.4, threshold=0.5, promise=none)
        ('abstain', 'doubt')
    """
    if p_correct is None:
        return "abstain"
    accepted_from = threshold if promise is None else promise.threshold
    if accepted_from is not None and p_correct >= accepted_from:
        return "trust"
    return "doubt" if p_correct < threshold else "abstain"
