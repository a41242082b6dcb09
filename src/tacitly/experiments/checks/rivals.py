"""What stands beside the probe: its best rivals on the same answers, and a probe that learned from shuffled labels."""

from collections.abc import Iterator

import numpy as np

from tacitly.evaluation.intervals import REPLICATES
from tacitly.experiments.answer_table import Grouping
from tacitly.experiments.baseline_stage import BEST_BASELINE, BEST_CONTROL
from tacitly.experiments.checks.check import Check
from tacitly.experiments.checks.study_files import StudyFiles
from tacitly.experiments.detection_metrics import REASON_ONE_CLASS, MethodScores, Resamples, estimate, resampling_rng
from tacitly.experiments.probe_controls import SHUFFLED
from tacitly.experiments.probe_stage import PROBE
from tacitly.experiments.score_rows import CONTROL_PREFIX

RIVALS = {"baseline": BEST_BASELINE, "control": BEST_CONTROL}


def check_rivals(files: StudyFiles, grouping: Grouping, *, replicates: int = REPLICATES) -> Iterator[Check]:
    """Are the best baseline and the best control there, on the same answers, and does the probe add to them?

    Args:
        files: The study.
        grouping: The grouping.
        replicates: How often groups are resampled; the draws are those of `metrics.json`.

    Yields:
        The checks of the headline answers; none where the probe scored none.
    """
    found = files.methods("located", grouping)
    if PROBE not in found.methods:
        return
    rng = resampling_rng(files.seed, "located", grouping)
    weights = Resamples.of(found, PROBE, replicates=replicates, rng=rng).weights
    values = {method: found.replicates(method, weights) for method in (PROBE, *RIVALS.values())}
    shuffled = found.shuffled_replicates(f"{CONTROL_PREFIX}{SHUFFLED}/", weights, rng=rng)
    yield _beside(found, grouping, {m: None if v is None else float(v[0]) for m, v in values.items()})
    yield _shuffled(grouping, estimate(shuffled, reason=REASON_ONE_CLASS))
    for rival, method in RIVALS.items():
        probe, other = values[PROBE], values[method]
        if probe is not None and other is not None:
            yield _gain(grouping, rival, estimate(probe - other, key="diff", reason=REASON_ONE_CLASS))


def _beside(found: MethodScores, grouping: Grouping, values: dict[str, float | None]) -> Check:
    missing = [rival for rival, method in RIVALS.items() if method not in found.methods]
    others = {rival for rival, method in RIVALS.items() if method in found.methods and not _same_rows(found, method)}
    rows = int((~np.isnan(found.methods[PROBE][0].scores)).sum())
    words = f"best baseline and best control are scored on the {rows:,} answers of the probe, no more and no fewer"
    if missing:
        words = f"there is no best {' and no best '.join(missing)} beside the probe"
    elif others:
        words = f"the best {' and the best '.join(sorted(others))} are not scored on the answers of the probe"
    shown = {name: None if value is None or np.isnan(value) else value for name, value in values.items()}
    return Check(
        name=f"rivals_beside.{grouping}",
        kind="protocol",
        ok=not missing and not others,
        words=words,
        value={**shown, "answers": rows},
    )


def _same_rows(found: MethodScores, method: str) -> bool:
    pairs = zip(found.methods[PROBE], found.methods[method], strict=False)
    same = all((np.isnan(one.scores) == np.isnan(other.scores)).all() for one, other in pairs)
    return same and len(found.methods[PROBE]) == len(found.methods[method])


def _shuffled(grouping: Grouping, figure: dict[str, object]) -> Check:
    value, ends = figure["auroc"], figure["ci"]
    name = f"shuffled.{grouping}"
    if not isinstance(value, float) or not isinstance(ends, list):
        reason = figure.get("reason", "it has no interval")
        words = f"what a probe on shuffled labels is worth is not defined: {reason}"
        return Check(name=name, kind="protocol", ok=None, words=words)
    low, high = ends
    ok = low <= 0.5 <= high
    words = f"a probe on shuffled labels has an AUROC of {value:.2f} [{low:.2f}, {high:.2f}], which holds 0.5"
    if not ok:
        words = f"a probe on shuffled labels has an AUROC of {value:.2f} [{low:.2f}, {high:.2f}]: something leaks"
    return Check(
        name=name, kind="protocol", ok=ok, words=words, value={"auroc": value, "ci": ends}, limit={"holds": 0.5}
    )


def _gain(grouping: Grouping, rival: str, figure: dict[str, object]) -> Check:
    value, ends = figure["diff"], figure["ci"]
    name = f"gain_over_{rival}.{grouping}"
    if not isinstance(value, float) or not isinstance(ends, list):
        words = f"what the probe adds to the best {rival} is not defined: {figure.get('reason', 'it has no interval')}"
        return Check(name=name, kind="caution", ok=None, words=words)
    low, high = ends
    shown = f"{value:+.2f} [{low:+.2f}, {high:+.2f}]"
    words = f"the probe adds to the best {rival}: {shown}"
    if low <= 0:
        words = f"the probe cannot be told from the best {rival}: {shown} holds 0"
        words = f"the probe is worse than the best {rival}: {shown}" if high < 0 else words
    return Check(
        name=name, kind="caution", ok=low > 0, words=words, value={"diff": value, "ci": ends}, limit={"above": 0}
    )
