"""The offline engine: a PydanticAI model with no language model inside. It extracts, it does not reason."""

LABEL = "offline engine: extracts, does not reason"
