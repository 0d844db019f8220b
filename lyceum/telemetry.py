"""OpenTelemetry spans of what a process runs: runs, their agents, model requests and tool calls. Off by default.

The names and attributes of agents, models and tools are those of the OpenTelemetry conventions for generative AI, as
PydanticAI records them; `run FLOW` above them is ours.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lyceum import __version__
from lyceum.errors import OperatorError
from lyceum.settings import TelemetrySettings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
    from opentelemetry.trace import Tracer, TracerProvider

EXPORT_SECONDS = 2  # at most this long a collector that is down delays the end of a command
EXTRA = ".venv/bin/uv pip install -r requirements/logfire.lock"


@contextmanager
def tracing(settings: TelemetrySettings, home: Path) -> Generator[Tracer]:
    """Yield the tracer for spans of our own; agents are traced for as long, and what is left is sent at the end.

    Turned off, nothing is recorded and the OpenTelemetry SDK is not imported. Raises OperatorError when the chosen
    exporter cannot be had.
    """
    if settings.exporter == "none":
        from opentelemetry.trace import NoOpTracer

        yield NoOpTracer()
        return
    from pydantic_ai import Agent
    from pydantic_ai.models.instrumented import InstrumentationSettings

    with ExitStack() as stack:
        provider = _logfire(stack) if settings.exporter == "logfire" else _provider(settings, home, stack)
        Agent.instrument_all(
            InstrumentationSettings(
                tracer_provider=provider,
                include_content=settings.content,
                include_binary_content=False,
                include_model_request_parameters=False,
            )
        )
        stack.callback(Agent.instrument_all, instrument=False)
        yield provider.get_tracer("lyceum", __version__)


def _provider(settings: TelemetrySettings, home: Path, stack: ExitStack) -> TracerProvider:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    resource = Resource.create({"service.name": "lyceum", "service.version": __version__})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(_processor(settings, home, stack))
    stack.callback(provider.shutdown)
    return provider


def _processor(settings: TelemetrySettings, home: Path, stack: ExitStack) -> SpanProcessor:
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor

    if settings.exporter == "otlp":
        return BatchSpanProcessor(
            _extra("opentelemetry.exporter.otlp.proto.http.trace_exporter").OTLPSpanExporter(
                endpoint=_traces(settings.endpoint), timeout=EXPORT_SECONDS
            )
        )
    out = sys.stderr  # an answer's place is stdout
    if settings.exporter == "file":
        path = settings.file or home / "logs" / "spans.jsonl"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise OperatorError(
                f"{path} cannot be written ({error.strerror}).", next_step="Set telemetry.file to a file of yours."
            ) from None
        out = stack.enter_context(os.fdopen(opened, "a", encoding="utf-8"))
    return SimpleSpanProcessor(ConsoleSpanExporter(out=out, formatter=_line))


def _line(span: ReadableSpan) -> str:
    return span.to_json(indent=None) + "\n"


def _traces(endpoint: str | None) -> str | None:
    """Return the address of traces at a collector; None leaves it to OTEL_EXPORTER_OTLP_ENDPOINT."""
    if endpoint is None or endpoint.rstrip("/").endswith("/v1/traces"):
        return endpoint
    return f"{endpoint.rstrip('/')}/v1/traces"


def _logfire(stack: ExitStack) -> TracerProvider:
    if not os.environ.get("LOGFIRE_TOKEN"):
        raise OperatorError("Logfire needs its write token.", next_step="Set LOGFIRE_TOKEN.")
    # No console, because the terminal belongs to the chat; trace context comes from our own in-process tool servers.
    configured = _extra("logfire").configure(
        service_name="lyceum",
        service_version=__version__,
        console=False,
        inspect_arguments=False,
        distributed_tracing=True,
    )
    stack.callback(configured.shutdown, timeout_millis=EXPORT_SECONDS * 1000)
    return configured.config.get_tracer_provider()


def _extra(module: str) -> Any:
    """Import what an extra brings; by name, because the base installation has neither it nor its types."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise OperatorError("The telemetry exporter is not installed.", next_step=f"Install it: {EXTRA}") from None
