"""Where each wire is found on the stand-in: a model's name, the environment that leads there, and how it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mcp_servers.providers.practice import faults
from mcp_servers.providers.practice.faults import KEY as SECRET
from mcp_servers.providers.practice.serve import Fault

AWS_KEY = "AKIAPLANTEDPLANTED42"


@dataclass(frozen=True)
class Place:
    """`path` is where requests arrive, `streamed_at` where those that stream do; `{url}` in `environment` is filled."""

    model: str
    path: str
    goes_wrong: Mapping[str, Fault]
    environment: dict[str, str] = field(default_factory=dict[str, str])
    streamed_at: str = ""

    def variables(self, url: str) -> dict[str, str]:
        return {name: value.format(url=url) for name, value in self.environment.items()}


def own_server(goes_wrong: Mapping[str, Fault], prefix: str) -> Place:
    environment = {"LYCEUM_PROVIDER__BASE_URL": "{url}" + prefix + "/v1", "LYCEUM_PROVIDER__API_KEY": SECRET}
    return Place("openai-compatible:stand-in", f"{prefix}/v1/chat/completions", goes_wrong, environment)


_OPENAI = {"OPENAI_BASE_URL": "{url}/v1", "OPENAI_API_KEY": SECRET}
_GEMINI = "/v1/models/gemini-3.5-flash"
_NOVA = "/model/global.amazon.nova-2-lite-v1:0"

PLACES: dict[str, Place] = {
    "openai-chat": Place("openai-chat:gpt-6-luna", "/v1/chat/completions", faults.OPENAI, _OPENAI),
    "openai-responses": Place("openai:gpt-6-luna", "/v1/responses", faults.RESPONSES, _OPENAI),
    "anthropic": Place(
        "anthropic:claude-sonnet-5-5",
        "/v1/messages",
        faults.ANTHROPIC,
        {"ANTHROPIC_BASE_URL": "{url}", "ANTHROPIC_API_KEY": SECRET},
    ),
    "google": Place(
        "google:gemini-3.5-flash",
        f"{_GEMINI}:generateContent",
        faults.GOOGLE,
        {"GOOGLE_GEMINI_BASE_URL": "{url}", "GOOGLE_API_KEY": SECRET},
        f"{_GEMINI}:streamGenerateContent",
    ),
    "bedrock": Place(
        "bedrock:global.amazon.nova-2-lite-v1:0",
        f"{_NOVA}/converse",
        faults.BEDROCK,
        {
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "{url}",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": AWS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
        },
        f"{_NOVA}/converse-stream",
    ),
    "azure": Place(
        "azure:our-deployment",
        "/openai/deployments/our-deployment/chat/completions",
        faults.AZURE,
        {"AZURE_OPENAI_ENDPOINT": "{url}", "AZURE_OPENAI_API_KEY": SECRET, "OPENAI_API_VERSION": "2026-06-01"},
    ),
    "openai-compatible": own_server(faults.VLLM, "/vllm"),
    "ollama": Place(
        "ollama:stand-in", "/ollama/v1/chat/completions", faults.OLLAMA, {"LYCEUM_PROVIDER__OLLAMA_URL": "{url}/ollama"}
    ),
    "litellm": own_server(faults.LITELLM, "/litellm"),
}
