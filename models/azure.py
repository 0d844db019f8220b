"""Azure's chat completions, whose filter refuses a prompt before a stream opens."""

from __future__ import annotations

from typing import Any, cast

from pydantic_ai.exceptions import ContentFilterError
from pydantic_ai.messages import ModelResponse
from pydantic_ai.models.openai import OpenAIChatModel


class AzureChatModel(OpenAIChatModel):
    """Raises ContentFilterError for such a prompt: PydanticAI 2.62 makes an answer of it and reads that as a stream."""

    async def _completions_create(self, *args: Any, **options: Any) -> Any:
        made = cast("object", await super()._completions_create(*args, **options))
        if isinstance(made, ModelResponse) and made.finish_reason == "content_filter":
            raise ContentFilterError("The content filter stopped the request.")
        return made
