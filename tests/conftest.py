"""What all tests share: shapes checked at run time, one thread, no hub."""

import os
from importlib import import_module

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# What is imported while the hook runs is compiled anew, so other people's modules come first.
BEFORE_THE_HOOK = (
    "pandas",
    "plotly.graph_objects",
    "pydantic",
    "rich.progress",
    "sklearn.linear_model",
    "sklearn.pipeline",
    "torch._dynamo",
    "transformers.generation",
    "transformers.models.auto.modeling_auto",
    "typer",
)


def pytest_configure(config: pytest.Config) -> None:
    """Check the shapes that signatures name, in every module of the package, while tests run."""
    from jaxtyping import install_import_hook

    for name in (*BEFORE_THE_HOOK, "tests.shapes"):
        import_module(name)
    hook = install_import_hook("tacitly", "tests.shapes.check")
    config.add_cleanup(hook.uninstall)


@pytest.fixture(autouse=True)
def _few_threads() -> None:
    """Tiny models gain nothing from threads, and tests run beside other work."""
    import torch

    torch.set_num_threads(1)
