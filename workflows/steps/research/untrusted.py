# ruff: noqa: E501 - a pattern reads best on its line
"""Text in a source that speaks to whoever processes it: never evidence, never followed, always said."""

from __future__ import annotations

import re

_ORDERS = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:instructions?|prompts?|rules|above|previous|earlier|everything)\b"
    r"|\b(?:you are|act as|pretend to be|as) (?:now )?(?:an? |the )?(?:ai|assistant|language model|llm|chatgpt|chatbot|agent)\b"
    r"|\b(?:system|developer) (?:prompt|message)\b|<\|[a-z_]+\|>|\[/?INST\]|</?(?:system|assistant|tool_call)>"
    r"|\b(?:assistants?|ai agents?|language models?|llms?)\b.{0,40}\b(?:must|should|shall|have to|are to|please)\b"
    r"|\b(?:do not|don't|never) (?:tell|mention|reveal|inform|show) (?:it to |this to |that to )?(?:the |your )?users?\b"
    r"|\b(?:reply|respond|answer|output|print|say) (?:only )?(?:with|that|exactly)\b.{0,60}\b(?:instead|only|nothing else)\b"
    r"|\b(?:send|post|upload|forward|e-?mail)\b.{0,60}\b(?:api keys?|passwords?|secrets?|credentials|tokens?)\b",
    re.IGNORECASE | re.DOTALL,
)


def addresses_reader(text: str) -> bool:
    """Tell whether a text gives orders to an assistant or a program that reads it."""
    return _ORDERS.search(text) is not None
