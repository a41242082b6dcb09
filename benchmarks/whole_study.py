"""A whole study against the paper's procedure.

Ours is `tacitly study` as a command of its own, from its start to its report: 500 questions of `medfacts`, one site,
all layers at the default 15 positions, both sets and groupings, no further kinds of probes, everything else as it
comes. The peer is `papers_procedure.py`, right after it: twenty questions and eight cells in each round, others in
every round (sixty and twenty-four in three), scaled to 500 questions and to as many fits as ours makes for its heat
maps and choices. About 12 minutes.
"""

import json
import shutil
import statistics
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from benchmarks.children import run_child
from benchmarks.machine import compare_seconds
from benchmarks.rounds import Options, Result, Side, alternate

QUESTIONS, SMALL = 500, 60
PEER_QUESTIONS, PEER_CELLS = 20, 8  # of a round


@dataclass
class StudySides:
    """What is measured, in one folder."""

    folder: Path
    options: Options
    parts: list[dict[str, float]] = field(default_factory=list)

    @property
    def questions(self) -> int:
        """How many questions the study asks."""
        return self.options.size(QUESTIONS, SMALL)

    def study(self, round_: int) -> float:
        """Seconds of a whole study."""
        recipe = self.folder / "study.yaml"
        settings = {
            "task": {"name": "medfacts", "limit": self.questions},
            "model": {"name": "embedded"},
            "probe": {"families": []},
        }
        recipe.write_text(yaml.safe_dump(settings))
        before = self._newest()
        taken = run_child(["-m", "tacitly", "study", str(recipe), "--out", str(self._run(round_))]).seconds
        if before is not None:
            shutil.rmtree(self._run(before))
        return taken

    def procedure(self, round_: int) -> float:
        """Seconds that the paper's procedure would take for the same."""
        script = str(Path(__file__).with_name("papers_procedure.py"))
        some = [
            "--questions",
            str(self.options.size(PEER_QUESTIONS, 2)),
            "--cells",
            str(self.options.size(PEER_CELLS, 2)),
        ]
        share = ["--share", str(round_), str(self.options.rounds)]
        run = self._newest()
        if run is None:
            raise RuntimeError("the procedure's fits need a study's states, and none has been made")
        child = run_child([script, str(self._run(run)), *some, *share])
        told = json.loads(child.output.splitlines()[-1])
        each = self.questions / self.options.size(PEER_QUESTIONS, 2)
        took = told["seconds"]
        part: dict[str, float] = {name: took[name] * each for name in ("answers", "heat_map", "probe", "p_true")}
        part |= {"start": child.seconds - sum(took.values()), "fits": took["fits"] * told["of_fits"] / told["fits"]}
        self.parts.append(part)
        return sum(part.values())

    def _run(self, round_: int) -> Path:
        return self.folder / f"run-{round_}"

    def _newest(self) -> int | None:
        return max((int(path.name.removeprefix("run-")) for path in self.folder.glob("run-*")), default=None)


def measure(options: Options) -> list[Result]:
    """Measure `study`."""
    with tempfile.TemporaryDirectory() as folder:
        sides = StudySides(Path(folder), options)
        found = alternate({"ours": Side(sides.study), "peer": Side(sides.procedure)}, rounds=options.rounds)
    parts = {name: statistics.median(part[name] for part in sides.parts) for name in sides.parts[0]}
    part = options.rounds * options.size(PEER_QUESTIONS, 2), options.rounds * options.size(PEER_CELLS, 2)
    note = (
        f"{sides.questions} questions of medfacts; the peer did {part[0]} questions and the fits of {part[1]} cells, "
        f"scaled: {', '.join(f'{name} {taken:.0f} s' for name, taken in parts.items())}"
    )
    return [compare_seconds("study", found, note=note)]
