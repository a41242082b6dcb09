"""What all tests share: shapes checked at run time, one thread, no hub."""

import os

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def pytest_configure(config: pytest.Config) -> None:
    """Check the shapes that signatures name, in every module of the package, while tests run."""
    from jaxtyping import install_import_hook

    import tests.shapes  # noqa: F401 -- the hook looks it up by name

    hook = install_import_hook("tacitly", "tests.shapes.check")
    config.add_cleanup(hook.uninstall)


@pytest.fixture(autouse=True)
def _few_threads() -> None:
    """Tiny models gain nothing from threads, and tests run beside other work."""
    import torch

    torch.set_num_threads(1)
