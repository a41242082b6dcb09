"""Whether the Hugging Face hub is there, so that nobody waits through retries for one that is not."""

from functools import cache

SECONDS = 10


@cache
def is_reachable() -> bool:
    """Whether the hub answers; asked once for each process. Where it does not, only its cache is read."""
    from huggingface_hub import constants, get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=SECONDS)
    except Exception:  # whatever the hub's HTTP library raises, or that it is told to stay offline
        return False
    return True
