"""Keeping other libraries' bars and notes out of ours."""

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr


@contextmanager
def library_notes_off() -> Iterator[None]:
    """As `quiet`, and without the notices that other libraries give each other of names that will change."""
    with quiet(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning, module=r"(transformers|peft|trl|accelerate)\.")
        warnings.filterwarnings("ignore", category=FutureWarning, message=".*deprecated and will be removed")
        yield


@contextmanager
def quiet() -> Iterator[None]:
    """Silence transformers' and the hub's progress bars and notes below errors, for the length of a block.

    One of its bars (reading GGUF) cannot be switched off, so standard error is held back too; errors are raised.
    """
    from transformers.utils import logging as hub_logging

    verbosity, bars = hub_logging.get_verbosity(), hub_logging.is_progress_bar_enabled()
    hub_logging.set_verbosity(logging.ERROR)
    hub_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        hub_logging.set_verbosity(verbosity)
        if bars:
            hub_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
