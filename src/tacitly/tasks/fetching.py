"""Fetching one file of a data set from its public home, at a pinned revision, into a cache."""

import textwrap
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Literal

from filelock import FileLock

from tacitly.errors import TaskError
from tacitly.hub import is_reachable
from tacitly.storage import cache_folder, storage, write_whole

_MOST_BYTES = 1024**3
_CHUNK = 1024 * 1024
_SECONDS = 30


def find_fetched(home: Literal["hub", "github"], name: str, revision: str, file: str) -> Path | None:
    """Find a file that was fetched before.

    Example:
        >>> find_fetched("github", "nobody/nothing", "0" * 40, "a.csv") is None
        True
    """
    if home == "github":
        path = _github_path(name, revision, file)
        return path if path.is_file() else None
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(name, file, repo_type="dataset", revision=revision)
    return Path(found) if isinstance(found, str) else None


def fetch_from_hub(name: str, revision: str, file: str, *, task: str, remedy: str) -> Path:
    """Fetch a file of a data set on the Hugging Face hub; no code of the data set runs.

    Args:
        name: The data set, `OWNER/NAME`.
        revision: The commit.
        file: The file's path there.
        task: The task that asks, for messages.
        remedy: What to do where the hub is out of reach.

    Returns:
        The file in the hub's cache.

    Raises:
        TaskError: The hub is out of reach and the file is not in its cache.
    """
    from huggingface_hub import hf_hub_download

    try:
        return Path(
            hf_hub_download(name, file, repo_type="dataset", revision=revision, local_files_only=not is_reachable())
        )
    except (OSError, ValueError) as error:
        reason = "the hub cannot be reached, and no copy is in its cache"
        if is_reachable():
            reason = textwrap.shorten(str(error).strip() or type(error).__name__, 200)
        raise _not_fetched(task, f"{name} {file}", reason, remedy) from None


def fetch_from_github(name: str, revision: str, file: str, *, task: str, remedy: str) -> Path:
    """Fetch a file of a repository on GitHub.

    Args:
        name: The repository, `OWNER/NAME`.
        revision: The commit.
        file: The file's path there; `""` for all of them as one `.tar.gz`.
        task: The task that asks, for messages.
        remedy: What to do where GitHub is out of reach.

    Returns:
        The file in the user's cache folder.

    Raises:
        TaskError: It cannot be fetched and is not in the cache.
    """
    path = _github_path(name, revision, file)
    if path.is_file():
        return path
    address = f"https://raw.githubusercontent.com/{name}/{revision}/{file}"
    if not file:
        address = f"https://codeload.github.com/{name}/tar.gz/{revision}"

    def download(target: Path) -> None:
        try:
            with target.open("wb") as copy:
                for chunk in _chunks(address, task=task, remedy=remedy):
                    copy.write(chunk)
        except BaseException:
            target.unlink(missing_ok=True)
            raise

    with storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.parent / ".lock"):
            if not path.is_file():
                write_whole(path, download)
    return path


def _chunks(address: str, *, task: str, remedy: str) -> Iterator[bytes]:
    """What an address holds, in pieces; one that breaks off or is too large is an error.

    Raises:
        TaskError: It cannot be read.
    """
    try:
        with urllib.request.urlopen(address, timeout=_SECONDS) as answer:  # noqa: S310 -- an address of https
            promised = int(answer.headers.get("Content-Length") or 0)
            count = 0
            while chunk := answer.read(_CHUNK):
                count += len(chunk)
                if count > _MOST_BYTES:
                    raise ValueError(f"it is larger than {_MOST_BYTES:,} bytes")
                yield chunk
            if count < promised:
                raise ValueError(f"it broke off after {count:,} of {promised:,} bytes")
    except (OSError, ValueError, HTTPException) as error:
        reason = textwrap.shorten(str(getattr(error, "reason", None) or error) or type(error).__name__, 200)
        raise _not_fetched(task, address, reason, remedy) from None


def _github_path(name: str, revision: str, file: str) -> Path:
    return cache_folder() / "data" / name.replace("/", "--") / revision / (file or "all.tar.gz")


def _not_fetched(task: str, what: str, reason: str, remedy: str) -> TaskError:
    return TaskError(f"task {task}: {what} cannot be fetched: {reason}", remedy=f"try again online, or {remedy}")
