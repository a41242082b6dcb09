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


# The longest files, so that the workers that share the tests end at about the same time.
FIRST = (
    "test_tutorials.py",
    "test_finetune_resume.py",
    "test_recipes_local.py",
    "test_tasks_real.py",
    "test_embedded_model.py",
    "test_probe_families.py",
    "test_self_evaluation.py",
    "test_abstention_study.py",
    "test_resume.py",
    "test_similarity_real.py",
)


def pytest_configure(config: pytest.Config) -> None:
    """Check the shapes that signatures name, in every module of the package, while tests run."""
    import jaxtyping
    from hypothesis import settings
    from jaxtyping import install_import_hook

    # A gate never fails by luck; elsewhere, luck finds more.
    settings.register_profile("gate", derandomize=True, deadline=None)
    if os.environ.get("CI"):
        settings.load_profile("gate")

    for name in (*BEFORE_THE_HOOK, "tests.shapes"):
        import_module(name)
    from tests.shapes import where_named

    jaxtyping.jaxtyped = where_named(jaxtyping.jaxtyped)
    hook = install_import_hook("tacitly", "tests.shapes.check")
    config.add_cleanup(hook.uninstall)


@pytest.fixture(autouse=True)
def _few_threads() -> None:
    """Tiny models gain nothing from threads, and tests run beside other work."""
    import torch

    torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with what takes long; the order within a file stays."""
    places = {name: place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: places.get(item.path.name, len(FIRST)))
