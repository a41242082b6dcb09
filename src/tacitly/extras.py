"""Whether the packages of an optional part are installed, asked before they are imported."""

from importlib.util import find_spec

from tacitly.errors import SettingsError


def require(what: str, *modules: str, extra: str) -> None:
    """Refuse what needs packages that are not there.

    Args:
        what: What needs them, such as `similarity 'rouge_l'`.
        modules: The modules that it imports.
        extra: The extra of this package that installs them.

    Raises:
        SettingsError: Saying how to install them.

    Example:
        >>> require("reading tables", "pandas", extra="similarity")
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise SettingsError(
            f"{what} needs packages that are not installed ({', '.join(missing)})",
            remedy=f"pip install 'tacitly[{extra}]'",
        )
