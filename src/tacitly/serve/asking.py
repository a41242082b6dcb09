"""From a client's messages or text to the tokens that the model reads."""

from collections.abc import Sequence

from tacitly.errors import UserError
from tacitly.models.prompts import PromptFormat
from tacitly.serve.answering import Prompt
from tacitly.serve.errors import ApiError
from tacitly.serve.schemas import Message
from tacitly.serve.service import Service

OTHER_WAY = "the detector learned on another way of asking; its scores may mean less here"
DRAWN = "the detector learned on the most likely answers, not on drawn ones"


def ask_messages(service: Service, messages: Sequence[Message], *, drawn: bool) -> Prompt:
    """The prompt of a conversation: a lone question is put as the detector's study put its own.

    Raises:
        ApiError: It is too long, or the model's template cannot put it so.
    """
    _require_characters(service, [message.text for message in messages], "messages")
    question = messages[-1].text
    if not question.strip():
        raise ApiError(422, "'messages' ends with an empty question; allowed: some text", param="messages")
    lone = len(messages) == 1
    try:
        ids = service.chat.prompt(question) if lone else _render(service, messages)
    except UserError as error:
        raise ApiError(422, f"'messages': {error}", param="messages", code="not_rendered") from None
    _require_tokens(service, ids, "messages")
    return Prompt(ids, question, _caution(own=lone and service.chat.asking.whole, drawn=drawn))


def ask_text(service: Service, prompt: str | Sequence[int], *, drawn: bool) -> Prompt:
    """The prompt of a text, or of tokens.

    Raises:
        ApiError: It is empty, too long, or of tokens that the model does not have.
    """
    tokenizer = service.language_model.tokenizer
    if isinstance(prompt, str):
        _require_characters(service, [prompt], "prompt")
        ids = tuple(tokenizer(prompt)["input_ids"])
        if ids and ids[-1] == tokenizer.eos_token_id:  # some tokenizers close a text, after which nothing could follow
            ids = ids[:-1]
        text = prompt
    else:
        _require_tokens(service, prompt, "prompt")
        size = service.language_model.model.config.get_text_config(decoder=True).vocab_size
        if any(not 0 <= one < size for one in prompt):
            raise ApiError(422, f"'prompt' holds a token that is not there; allowed: 0 to {size - 1}", param="prompt")
        ids, text = tuple(prompt), str(tokenizer.decode(list(prompt), skip_special_tokens=True))
    if not ids:
        raise ApiError(422, "'prompt' is empty; allowed: some text, or tokens", param="prompt")
    _require_tokens(service, ids, "prompt")
    return Prompt(ids, text, _caution(own=False, drawn=drawn))


def _render(service: Service, messages: Sequence[Message]) -> tuple[int, ...]:
    """A conversation as it is given, with the model's template or in the plain form."""
    given = [{"role": "system" if one.role == "developer" else one.role, "content": one.text} for one in messages]
    system = None
    if given[0]["role"] == "system" and len(given) > 1:
        system, given = given[0]["content"], given[1:]
    form = PromptFormat(service.language_model.tokenizer, system)
    return tuple(form.token_ids(form.render(given)))


def _caution(*, own: bool, drawn: bool) -> str | None:
    return "; ".join([*([] if own else [OTHER_WAY]), *([DRAWN] if drawn else [])]) or None


def _require_characters(service: Service, texts: Sequence[str], name: str) -> None:
    most, length = service.limits.prompt_characters, sum(map(len, texts))
    if length > most:
        raise ApiError(
            422,
            f"{name!r} has {length:,} characters; allowed: at most {most:,}; shorten it",
            param=name,
            code="prompt_too_long",
        )


def _require_tokens(service: Service, ids: Sequence[int], name: str) -> None:
    context = service.language_model.context_length
    most = min(service.limits.prompt_tokens, service.limits.prompt_tokens if context is None else context - 1)
    if len(ids) > most:
        raise ApiError(
            422,
            f"{name!r} takes {len(ids):,} tokens; allowed: at most {most:,}; shorten it",
            param=name,
            code="prompt_too_long",
        )
