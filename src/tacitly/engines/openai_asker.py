"""Asking a model behind an OpenAI-compatible endpoint: vLLM, llama.cpp, Ollama, or a provider."""

import json
import os
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from functools import cached_property
from importlib.util import find_spec
from itertools import product
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from tacitly.engines.asker import Prompt, Reply
from tacitly.errors import ModelError, SettingsError

if TYPE_CHECKING:
    from openai import OpenAI

IN_A_ROW = 20  # failures after which the endpoint counts as gone
NO_KEY = "none"  # what servers of one's own are given, which ask for none
_MOST_SHOWN = 200
_FIRST = [{"role": "user", "content": "Reply with the word yes."}]
_UNABLE = (400, 422)  # how endpoints refuse a parameter that they do not know
_HOPELESS = (401, 404)  # what no other question would change


class _Manner(NamedTuple):
    """What may be asked of an endpoint.

    Attributes:
        bounded: A temperature of 0 and a limit of tokens; models that reason first refuse them at times.
        structured: Replies held to a JSON schema.
    """

    bounded: bool
    structured: bool


class OpenAIAsker:
    """Asks a model over the chat completions of an OpenAI-compatible endpoint.

    The first request is a trivial one. It finds out what the endpoint can do: an endpoint that refuses structured
    replies, or a temperature, is asked without from then on. If it fails, the model cannot be asked. Any later request
    that fails costs its own reply only, until `IN_A_ROW` fail one after the other. Requests that time out, or are
    answered 408, 409, 429 or 5xx, are sent again with growing pauses, or after what `Retry-After` says, up to two
    minutes.

    Args:
        model: The model's name there.
        base_url: Where the endpoint is, such as `http://localhost:8000/v1`.
        api_key_env: The environment variable that holds the key; the key itself is never written anywhere.
        timeout: Seconds that a request may take.
        retries: How often a request is sent again.
        concurrency: The most requests at once.
        max_tokens: The most tokens of a reply.

    Raises:
        SettingsError: The package of the extra `api` is not there.
    """

    def __init__(
        self,
        model: str,
        base_url: str,
        *,
        api_key_env: str = "OPENAI_API_KEY",
        timeout: float = 60.0,
        retries: int = 4,
        concurrency: int = 8,
        max_tokens: int = 64,
    ) -> None:
        if find_spec("openai") is None:
            raise SettingsError(
                "an endpoint needs a package that is not installed (openai)", remedy="pip install 'tacitly[api]'"
            )
        self.name = model
        self.base_url = base_url
        self.api_key_env = api_key_env
        self.timeout = timeout
        self.retries = retries
        self.concurrency = concurrency
        self.max_tokens = max_tokens
        self._failures = 0
        self._lock = Lock()

    def ask(self, prompts: Sequence[Prompt], *, choices: Sequence[str] = ()) -> list[Reply]:
        """Ask everything, several at once.

        Raises:
            ModelError: If the endpoint cannot be reached, refuses the key, has no such model, or fails again and again.
        """
        manner = self._manner
        with ThreadPoolExecutor(self.concurrency) as pool:
            futures = [pool.submit(self._ask_one, prompt, choices, manner) for prompt in prompts]
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
                failed = [f for f in futures if f.done() and f.exception() is not None]
                return [future.result() for future in (failed or futures)]
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    @cached_property
    def _client(self) -> "OpenAI":
        from openai import OpenAI

        key = os.environ.get(self.api_key_env) or NO_KEY
        return OpenAI(base_url=self.base_url, api_key=key, timeout=self.timeout, max_retries=self.retries)

    @cached_property
    def _manner(self) -> _Manner:
        """The first manner of asking that the endpoint does not refuse, from the most to the least strict."""
        from openai import APIStatusError, OpenAIError

        refusal: Exception | None = None
        for manner in map(_Manner._make, product((True, False), repeat=2)):
            try:
                self._send(_FIRST, ("yes", "no"), manner)
                return manner
            except (OpenAIError, ValueError) as error:
                refusal = error
                if not (isinstance(error, APIStatusError) and error.status_code in _UNABLE):
                    break
        raise self._unusable(refusal)

    def _ask_one(self, prompt: Prompt, choices: Sequence[str], manner: _Manner) -> Reply:
        from openai import APIStatusError, OpenAIError

        try:
            reply = Reply(self._send(prompt, choices, manner))
        except (OpenAIError, ValueError) as error:
            with self._lock:
                self._failures += 1
                gone = self._failures >= IN_A_ROW
            if gone or (isinstance(error, APIStatusError) and error.status_code in _HOPELESS):
                raise self._unusable(error) from None
            return Reply(None, self._described(error))
        with self._lock:
            self._failures = 0
        return reply

    def _send(self, prompt: Prompt, choices: Sequence[str], manner: _Manner) -> str:
        """One request.

        Raises:
            OpenAIError: If it fails, retries included.
            ValueError: If what came back is no reply.
        """
        how: dict[str, Any] = {"temperature": 0, "max_tokens": self.max_tokens} if manner.bounded else {}
        if choices and manner.structured:
            how["response_format"] = _one_of(choices)
        messages: Any = [dict(message) for message in prompt]
        completion: Any = self._client.chat.completions.create(model=self.name, messages=messages, **how)
        try:
            [choice, *_] = completion.choices
            text = choice.message.content
        except (AttributeError, TypeError, ValueError):
            raise ValueError("what it sends is no chat completion") from None
        if text:
            return _chosen(text) if choices else str(text)
        if choice.finish_reason == "length":
            raise ValueError(
                f"it was cut at {self.max_tokens} tokens before it replied; "
                "a model that reasons first needs a larger judge.max_tokens"
            )
        raise ValueError("it replied nothing")

    def _unusable(self, error: Exception | None) -> ModelError:
        from openai import APIConnectionError, APITimeoutError

        status = getattr(error, "status_code", None)
        remedy = "what is finished is kept: run the same command again to go on"
        if isinstance(error, APITimeoutError):
            remedy = f"set judge.timeout higher, or see why the server is slow; {remedy}"
        elif isinstance(error, APIConnectionError):
            remedy = f"start the server, or set judge.base_url to where it is; {remedy}"
        elif status in (401, 403):
            state = "holds a key that is refused" if os.environ.get(self.api_key_env) else "is not set"
            remedy = f"the environment variable {self.api_key_env} {state}; {remedy}"
        elif status == 404:
            remedy = "check judge.model, and judge.base_url, which mostly ends in /v1"
        return ModelError(
            f"the model {self.name!r} at {self.base_url} cannot be asked: {self._described(error)}",
            allowed="an OpenAI-compatible endpoint that serves the model",
            remedy=remedy,
        )

    def _described(self, error: Exception | None) -> str:
        """An error in one line, without the key even where the endpoint repeats it."""
        line = " ".join(str(error).split())
        key = os.environ.get(self.api_key_env)
        return (line.replace(key, "***") if key else line)[:_MOST_SHOWN]


def _one_of(choices: Sequence[str]) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {"reply": {"type": "string", "enum": list(choices)}},
        "required": ["reply"],
        "additionalProperties": False,
    }
    return {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": schema}}


def _chosen(text: str) -> str:
    """The choice in a structured reply; any other reply as it is."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    reply = value.get("reply") if isinstance(value, dict) else None
    return reply if isinstance(reply, str) else text
