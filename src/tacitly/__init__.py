"""tacitly: find out, from what goes on inside a language model, when its answer is wrong.

The public names are imported when they are first used, so that `import tacitly` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tacitly.chat import Chat
    from tacitly.comparison import compare_runs
    from tacitly.detect.files import detect_answers
    from tacitly.detect.scorer import Scorer
    from tacitly.errors import TacitlyError, UserError
    from tacitly.finetune.tuning import run_finetune
    from tacitly.merging.merge import merge_runs
    from tacitly.models.load import load_model
    from tacitly.probes.detector import Detector
    from tacitly.recipes import load_recipe
    from tacitly.run_folder import RunFolder
    from tacitly.settings import StudySettings
    from tacitly.study import StudyResult, run_study
    from tacitly.verify import check_run

_PUBLIC = {
    "Chat": "tacitly.chat",
    "Detector": "tacitly.probes.detector",
    "RunFolder": "tacitly.run_folder",
    "Scorer": "tacitly.detect.scorer",
    "StudyResult": "tacitly.study",
    "StudySettings": "tacitly.settings",
    "TacitlyError": "tacitly.errors",
    "UserError": "tacitly.errors",
    "check_run": "tacitly.verify",
    "compare_runs": "tacitly.comparison",
    "detect_answers": "tacitly.detect.files",
    "load_model": "tacitly.models.load",
    "load_recipe": "tacitly.recipes",
    "merge_runs": "tacitly.merging.merge",
    "run_finetune": "tacitly.finetune.tuning",
    "run_study": "tacitly.study",
}

__all__ = [
    "Chat",
    "Detector",
    "RunFolder",
    "Scorer",
    "StudyResult",
    "StudySettings",
    "TacitlyError",
    "UserError",
    "check_run",
    "compare_runs",
    "detect_answers",
    "load_model",
    "load_recipe",
    "merge_runs",
    "run_finetune",
    "run_study",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'tacitly' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
