"""Every check of a study, in the order in which a reader would ask."""

from tacitly.evaluation.intervals import REPLICATES
from tacitly.experiments.answer_table import GROUPINGS
from tacitly.experiments.checks.apart import check_apart, check_kept
from tacitly.experiments.checks.check import Check
from tacitly.experiments.checks.choices import check_choices
from tacitly.experiments.checks.refits import refit_probes
from tacitly.experiments.checks.rivals import check_rivals
from tacitly.experiments.checks.signs import check_signs
from tacitly.experiments.checks.sizes import check_left_out, check_sizes
from tacitly.experiments.checks.study_files import StudyFiles


def check_study(files: StudyFiles, *, replicates: int = REPLICATES) -> list[Check]:
    """Recompute everything that a reader of the figures has to take on trust.

    Args:
        files: What the study wrote.
        replicates: How often groups are resampled.

    Returns:
        The checks, those of the protocol first; what a study does not have is not among them.
    """
    found: list[Check | None] = []
    for grouping in GROUPINGS:
        refits = refit_probes(files, grouping)
        found += [
            check_apart(files, grouping),
            check_choices(files, grouping, refits),
            check_signs(files, grouping, refits),
            *check_rivals(files, grouping, replicates=replicates),
            *check_sizes(files, grouping),
        ]
    found += [check_kept(files), *check_left_out(files)]
    there = [check for check in found if check is not None]
    return sorted(there, key=lambda check: check.kind != "protocol")
