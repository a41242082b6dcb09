"""Where a detector is, given a folder."""

from pathlib import Path

from tacitly.probes.detector import HEADER_FILE, Detector


def open_detector(folder: str | Path) -> Detector:
    """Open a detector by its own folder, or by that of the run that has it.

    Raises:
        DetectorError: If it is missing or damaged.
    """
    folder = Path(folder)
    inside = folder / "detector"
    return Detector.load(inside if not (folder / HEADER_FILE).exists() and inside.is_dir() else folder)
