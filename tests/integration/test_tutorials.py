"""The notebooks run from their first cell to their last, with the embedded model."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:jupyter_client"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:zmq"),
]

TUTORIALS = sorted((Path(__file__).parents[2] / "docs" / "tutorials").glob("*.ipynb"))
SAID = {
    "fine-tune-and-compare": ("loss on held-out entities", "p(right) = "),
    "from-questions-to-detector": ("AUROC of confidence", "AUROC of the probe", "best control", "p(right) = "),
}
PICTURES = {"fine-tune-and-compare": 0, "from-questions-to-detector": 3}


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_the_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Beside other tests, threads that wait for each other take several times as long as one.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=1800, kernel_name="python3", resources={"metadata": {"path": tmp_path}})
    client.execute()  # raises where a cell does
    printed = "".join(
        output.get("text", "") + str(output.get("data", ""))
        for cell in notebook.cells
        for output in cell.get("outputs", ())
    )
    for words in SAID[path.stem]:
        assert words in printed
    assert printed.count("image/png") == PICTURES[path.stem]
