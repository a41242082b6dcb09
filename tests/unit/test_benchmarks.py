"""What the benchmarks share: rounds, medians, the results' file, and what is counted as work."""

import doctest
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from benchmarks import children, flops, grid, papers_procedure, rounds, study_memory
from benchmarks.flops import MatrixWork
from benchmarks.rounds import Side, Target, alternate, compare, deal, merge_results, read_results, table
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tacitly.activations.base import ArrayStateTable
from tacitly.models.sites import find_blocks
from tacitly.probes.cell import Cell
from tests.tiny import make_model

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("module", [rounds, flops, study_memory])
def test_the_examples_run(module: object) -> None:
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed


def test_sides_are_warmed_up_then_measured_in_turn_and_every_other_round_the_other_way() -> None:
    calls: list[str] = []

    def side(name: str) -> Side:
        def measure(round_: int) -> float:
            calls.append(f"{name}{round_}")
            return 10.0 * round_

        return Side(measure, lambda: calls.append(f"warm {name}"))

    found = alternate({"ours": side("o"), "peer": side("p")}, rounds=3)
    assert calls == ["warm o", "warm p", "o0", "p0", "p1", "o1", "o2", "p2"]
    assert found == {"ours": [0, 10, 20], "peer": [0, 10, 20]}


def test_a_ratio_is_of_medians_and_its_spread_is_of_rounds() -> None:
    ours, peer = [1.0, 2.0, 4.0], [6.0, 5.0, 4.0]
    faster = compare("a", ours=ours, peer=peer, unit="s", of="peer/ours", machine="m")
    cost = compare("a", ours=ours, peer=peer, unit="s", of="ours/peer", machine="m")
    assert (faster.ours, faster.peer, faster.ratio, faster.spread) == (2.0, 5.0, 2.5, (1.0, 6.0))
    assert (cost.ratio, cost.spread) == (0.4, (1 / 6, 1.0))


@given(st.integers(1, 60), st.integers(1, 6), st.integers(1, 5))
def test_a_slow_peer_gets_other_items_in_every_round_spread_over_all(items: int, per_round: int, rounds_: int) -> None:
    dealt = [deal(items, per_round=per_round, rounds=rounds_, round_=r) for r in range(rounds_)]
    assert all(len(some) == per_round and some == sorted(some) for some in dealt)
    every = sorted(i for some in dealt for i in some)
    assert set(every) <= set(range(items))
    if per_round * rounds_ <= items:
        assert len(set(every)) == len(every)
        assert max(np.diff([-1, *every, items])) <= items / len(every) + 1


def test_results_are_merged_by_name(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    old = compare("kept", ours=[1], peer=[2], unit="s", of="peer/ours", machine="then")
    merge_results(path, [old, compare("new", ours=[1], peer=[1], unit="s", of="peer/ours", machine="then")])
    merge_results(path, [compare("new", ours=[1], peer=[3], unit="s", of="peer/ours", machine="now", note="unsaved")])
    found = read_results(path)
    assert found["kept"] == old.as_dict()
    assert found["new"] == {"ours": 1, "peer": 3, "ratio": 3, "unit": "s", "spread": [3, 3], "machine": "now"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["results.json"]
    assert read_results(tmp_path / "none.json") == {}


def test_the_table_says_what_is_met() -> None:
    fast = compare("fast", ours=[1], peer=[3], unit="s", of="peer/ours", machine="")
    dear = compare("dear", ours=[3], peer=[2], unit="s", of="ours/peer", machine="")
    lone = {"name": "lone", "ours": 4.0, "peer": None, "ratio": None, "unit": "s", "spread": [4, 5], "machine": ""}
    rows = [{"name": r.name} | r.as_dict() for r in (fast, dear)]
    lines = table([*rows, lone], {"fast": Target(2), "dear": Target(1.1, at_most=True)}).splitlines()
    assert lines[1].split()[-3:] == [">=", "2", "met"]
    assert lines[2].split()[-4:] == ["<=", "1.1", "NOT", "MET"]
    assert lines[3].split() == ["lone", "4", "s", "4", "to", "5"]


def test_every_benchmark_has_its_file_and_every_target_a_benchmark() -> None:
    run = import_module("benchmarks.run")
    names = [name for of_file in run.BENCHMARKS.values() for name in of_file]
    assert len(set(names)) == len(names)
    assert set(run.MUST_REACH) <= set(names)
    for file in run.BENCHMARKS:
        text = (ROOT / "benchmarks" / f"{file}.py").read_text(encoding="utf-8")
        assert "def measure(options: Options) -> list[Result]:" in text


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "qwen2", "phi3"])
def test_a_tokens_work_is_what_its_matrices_do(architecture: str) -> None:
    model = make_model(architecture)
    done = {"blocks": 0, "output": 0}

    def count(where: str, module: nn.Module) -> None:
        def hook(module: nn.Module, args: tuple[torch.Tensor], _: object) -> None:
            tokens = args[0].numel() // args[0].shape[-1]
            done[where] += 2 * tokens * module.weight.numel()

        module.register_forward_hook(hook)

    for module in find_blocks(model).modules():
        if type(module).__name__ in ("Linear", "Conv1D"):
            count("blocks", module)
    count("output", model.get_output_embeddings())
    with torch.inference_mode():
        model(torch.tensor([[5, 6, 7], [8, 9, 10]]))
    work = MatrixWork.of(model)
    assert (6 * work.blocks, 6 * work.output) == (done["blocks"], done["output"])


def test_a_mixture_of_experts_is_refused() -> None:
    with pytest.raises(ValueError, match="not every token meets"):
        MatrixWork.of(make_model("mixtral"))


Prompts = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=6).map(tuple), min_size=1, max_size=6)


@given(Prompts, st.data())
def test_what_answers_need_is_counted_token_by_token(prompts: list[tuple[int, ...]], data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.integers(1, 5), min_size=len(prompts), max_size=len(prompts)))
    shared = 0  # the longest beginning that all share and that leaves each a token
    while all(len(p) > shared + 1 and p[: shared + 1] == prompts[0][: shared + 1] for p in prompts):
        shared += 1
    blocks = shared + sum(1 for p in set(prompts) for _ in p[shared:])
    output = len(set(prompts))
    for n in chosen:
        for _ in range(n - 1):  # every chosen token but the last is fed, and one is chosen after it
            blocks, output = blocks + 1, output + 1
    assert MatrixWork(blocks=1000, output=1).of_answers(prompts, chosen) == 1000 * blocks + output


def test_a_child_tells_its_time_and_peak_or_fails_loudly() -> None:
    child = children.run_child(["-c", "held = bytearray(80_000_000); print('done')"])
    assert child.output == "done\n"
    assert child.peak_mb > 80
    assert child.seconds > 0
    with pytest.raises(RuntimeError, match="out of luck"):
        children.run_child(["-c", "raise SystemExit('out of luck')"])


def test_another_auroc_than_scikit_learns_fails_the_grid() -> None:
    cell, states = Cell("residual", 0, "-1"), ArrayStateTable({("residual", 0): np.zeros((2, 1, 2))}, positions=("-1",))
    sides = grid.GridSides(states, np.array([True, False]), np.ones((1, 2), dtype=bool), rounds.Options())
    sides.ours[cell], sides.peer[cell] = np.array([0.8, 0.7]), np.array([0.8, 0.7015])
    assert sides.largest_difference() == pytest.approx(0.0015)
    sides.peer[cell] = np.array([0.8, 0.703])
    with pytest.raises(RuntimeError, match=r"0\.0030 off"):
        sides.largest_difference()


def test_the_papers_fits_are_those_of_the_studys_folds() -> None:
    ids = [f"a{i}" for i in range(4)]

    class Run:
        def table(self, name: str) -> pd.DataFrame:
            if name == "folds":
                return pd.DataFrame({"answer_id": ids, "grouping": "by_entity", "seed": 0, "outer_fold": [0, 0, 1, 1]})
            of = {"set": "located", "grouping": "by_entity", "seed": 0}
            outer, answers, inner = [0, 0, 1, 1], ["a2", "a3", "a0", "a1"], [0, 1, 0, 1]
            return pd.DataFrame({**of, "outer_fold": outer, "answer_id": answers, "inner_fold": inner})

        def json(self, _: str) -> dict[str, object]:
            entry = {"set": "located", "grouping": "by_entity"}
            return {"grid": [{**entry, "auroc": 0.5}, {**entry, "auroc": 0.6}, {**entry, "auroc": None}]}

    fits = [(train.tolist(), test.tolist()) for train, test in papers_procedure.list_fits(Run(), ids)]
    assert fits == [
        ([2, 3], [0, 1]), ([3], [2]), ([2], [3]),
        ([0, 1], [2, 3]), ([1], [0]), ([0], [1]),
    ]  # fmt: skip
    assert papers_procedure.count_fits(Run()) == 2 * len(fits)
