"""The locators of a detector's study."""

from tacitly.engines.asker import Asker
from tacitly.engines.local_asker import LocalAsker
from tacitly.locators.base import Locator
from tacitly.locators.catalog import ASKING, load_locator
from tacitly.models.load import LanguageModel
from tacitly.probes.asking import Asking


def load_own_locator(asking: Asking, language_model: LanguageModel, *, batch_size: int) -> Locator:
    """The locators that a detector's study used, in their order.

    One that asked the studied model asks it again. One that asked another model is left out, since that model may be
    gone or behind an endpoint: the others take its place, or the usual chain where there are none.

    Args:
        asking: How the study asked.
        language_model: The detector's model.
        batch_size: The most prompts at once.
    """
    if not asking.locates_itself:
        return load_locator([name for name in asking.locator if name not in ASKING])
    asker: Asker = LocalAsker(language_model.identity.name, lambda: language_model, batch_size=batch_size)
    return load_locator(list(asking.locator), asker=asker)
