"""The model that judges and locates by being asked, as the settings name it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tacitly.engines.asker import Asker
from tacitly.engines.local_asker import LocalAsker
from tacitly.engines.openai_asker import OpenAIAsker
from tacitly.errors import SettingsError
from tacitly.settings import JudgeSettings, ModelSettings

if TYPE_CHECKING:
    from tacitly.models.load import LanguageModel

SAME = "same"


def is_studied(settings: JudgeSettings, studied: ModelSettings) -> bool:
    """Whether the model that is asked is the one whose answers are studied.

    Example:
        >>> is_studied(JudgeSettings(model="same"), ModelSettings())
        True
    """
    return settings.base_url is None and settings.model in (SAME, studied.name)


def open_asker(
    settings: JudgeSettings,
    *,
    studied: ModelSettings,
    open_studied: "Callable[[], LanguageModel]",
    open_other: "Callable[[str], LanguageModel]",
    batch_size: int,
) -> Asker | None:
    """Make what asks the model of the settings; the model itself is opened at the first question.

    Args:
        settings: Which model, and where.
        studied: The model whose answers are studied.
        open_studied: Opens that one.
        open_other: Opens a model by its name.
        batch_size: The most prompts at once, for a model that runs here.

    Returns:
        What asks it; None where no model is named.

    Raises:
        SettingsError: An endpoint without the name of a model, or the package for endpoints is not there.
    """
    if settings.model is None:
        if settings.base_url is not None:
            raise SettingsError(
                f"judge.base_url is {settings.base_url!r}, but judge.model names no model",
                remedy="set judge.model to the name under which the endpoint serves it",
            )
        return None
    if settings.base_url is not None:
        return OpenAIAsker(
            settings.model,
            settings.base_url,
            api_key_env=settings.api_key_env,
            timeout=settings.timeout,
            retries=settings.retries,
            concurrency=settings.concurrency,
            max_tokens=settings.max_tokens,
        )
    if is_studied(settings, studied):
        return LocalAsker(
            studied.name,
            open_studied,
            chat_template=studied.chat_template,
            max_tokens=settings.max_tokens,
            batch_size=batch_size,
        )
    name = settings.model
    return LocalAsker(name, lambda: open_other(name), max_tokens=settings.max_tokens, batch_size=batch_size)
