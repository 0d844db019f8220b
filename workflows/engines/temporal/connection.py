"""A client of the Temporal server that the settings name."""

from __future__ import annotations

from typing import Any

from opentelemetry.trace import NoOpTracer
from pydantic_ai.durable_exec.temporal import PydanticAIPlugin
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.converter import DataConverter
from temporalio.service import RPCError, TLSConfig

from lyceum.errors import Unavailable
from lyceum.settings import TemporalSettings
from workflows.engines.temporal.claim import ClaimCheck
from workflows.runtime import Runtime

FLOW = SearchAttributeKey.for_keyword("LyceumFlow")
THREAD = SearchAttributeKey.for_keyword("LyceumThread")


async def connect(settings: TemporalSettings, runtime: Runtime) -> Client:
    """Connect; raises Unavailable with what to start where nobody answers."""
    interceptors: list[Any] = []
    if not isinstance(runtime.tracer, NoOpTracer):
        from temporalio.contrib.opentelemetry import TracingInterceptor

        interceptors = [TracingInterceptor(runtime.tracer)]
    try:
        return await Client.connect(
            settings.address,
            namespace=settings.namespace,
            api_key=settings.api_key.get_secret_value() if settings.api_key else None,
            tls=_tls(settings),
            data_converter=DataConverter(payload_codec=ClaimCheck(runtime.artifacts)),
            plugins=[PydanticAIPlugin()],
            interceptors=interceptors,
        )
    except (RPCError, RuntimeError, OSError) as error:
        raise unreachable(settings, error) from None


def _tls(settings: TemporalSettings) -> bool | TLSConfig:
    given = settings.client_certificate or settings.server_ca or settings.server_name
    wanted = settings.tls if settings.tls is not None else bool(given or settings.api_key)
    if not wanted or not given:
        return wanted
    return TLSConfig(
        server_root_ca_cert=settings.server_ca.read_bytes() if settings.server_ca else None,
        domain=settings.server_name,
        client_cert=settings.client_certificate.read_bytes() if settings.client_certificate else None,
        client_private_key=settings.client_key.read_bytes() if settings.client_key else None,
    )


def unreachable(settings: TemporalSettings, error: BaseException) -> Unavailable:
    """Return what to tell where the server does not answer; its own words may hold a key and stay out."""
    return Unavailable(
        f"No Temporal server answers at {settings.address} ({type(error).__name__}).",
        next_step="Start one with `lyceum services up temporal`, or set temporal.address (and tls or api_key).",
    )


async def register_search_attributes(client: Client) -> bool:
    """Make the attributes known to the namespace; False where this client may not."""
    from temporalio.api.enums.v1 import IndexedValueType
    from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest

    wanted = dict.fromkeys((FLOW.name, THREAD.name), IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD)
    try:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(search_attributes=wanted, namespace=client.namespace)
        )
    except RPCError as error:
        return "already exist" in str(error)
    return True
