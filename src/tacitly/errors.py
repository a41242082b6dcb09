"""The exceptions of tacitly.

TacitlyError
├── UserError                what the user can mend; the command line prints one line and exits with 2
│   ├── SettingsError        a recipe or an override names or types something wrongly
│   ├── TaskError            questions cannot be read
│   ├── ModelError           a model cannot be found, loaded, or used as asked
│   ├── CaptureError         activations cannot be read, or are not finite
│   ├── RunFolderError       a run folder is damaged, locked, or not a run
│   ├── TrainingError        a fine-tuning cannot start, go on, or does not fit what is there
│   ├── StorageError         the disk is full or cannot be written
│   └── DetectorError        a detector is damaged or belongs to another model
└── UndefinedMetricError     a figure that the data do not define; reported as null with this reason
"""


class TacitlyError(Exception):
    """The root of every exception that tacitly raises on purpose."""


class UserError(TacitlyError):
    """Something that the user can mend, said in one line.

    Args:
        problem: What is wrong, naming the value.
        allowed: What would be accepted.
        remedy: What to do about it.

    Example:
        >>> str(UserError("unknown task 'x'", allowed="medfacts, cities", remedy="run `tacitly tasks`"))
        "unknown task 'x'; allowed: medfacts, cities; run `tacitly tasks`"
    """

    def __init__(self, problem: str, *, allowed: str | None = None, remedy: str | None = None) -> None:
        parts = [problem]
        if allowed:
            parts.append(f"allowed: {allowed}")
        if remedy:
            parts.append(remedy)
        super().__init__("; ".join(" ".join(part.split()) for part in parts))
        self.problem = problem
        self.allowed = allowed
        self.remedy = remedy


class SettingsError(UserError):
    """A recipe or an override names something unknown or of a wrong type."""


class TaskError(UserError):
    """Questions cannot be read."""


class ModelError(UserError):
    """A model cannot be found, loaded, or used as asked."""


class CaptureError(UserError):
    """Activations cannot be read as asked, or are not finite."""


class RunFolderError(UserError):
    """A run folder is damaged, locked by another process, or not a run."""


class TrainingError(UserError):
    """A fine-tuning cannot start or go on, or the one that is there is another."""


class StorageError(UserError):
    """The disk is full or cannot be written."""


class DetectorError(UserError):
    """A detector is damaged or belongs to another model."""


class UndefinedMetricError(TacitlyError):
    """A figure that the data do not define; reported as null with this reason."""
