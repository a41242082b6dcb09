"""No more cores than are left to this process."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.unit


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system lets no process choose its cores")
def test_a_process_that_is_held_to_one_core_counts_one() -> None:
    code = (
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); "
        "from tacitly.cores import usable_cores; print(usable_cores())"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["1"]
