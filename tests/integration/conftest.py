"""What the tests with real data and models share."""

from collections.abc import Iterator
from functools import cache

import pytest

from tacitly.tasks import medquad_task


@pytest.fixture(scope="session", autouse=True)
def _medquad_is_read_once() -> Iterator[None]:
    """Three tasks ask of the same archive, which takes seconds to read; what is read of it does not change."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(medquad_task, "read_medquad", cache(medquad_task.read_medquad))
        yield
