"""A worker: it drives the runs of a task queue, with the flows, steps and agents that this process has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkerDeploymentConfig

from lyceum.settings import TemporalSettings
from workflows.context import Flow
from workflows.engines.temporal.activities import Activities
from workflows.engines.temporal.agents import make_agents
from workflows.engines.temporal.conversation import Conversation
from workflows.engines.temporal.flows import workflow_of
from workflows.engines.temporal.schedules import Repeated, Repetitions
from workflows.runtime import Runtime
from workflows.steps.research.again import repeated

STEP_MODULES = ("workflows",)


async def make_worker(
    client: Client,
    runtime: Runtime,
    flows: Mapping[str, Flow],
    settings: TemporalSettings,
    *,
    modules: Sequence[str] = STEP_MODULES,
    concurrency: int = 100,
) -> Worker:
    """Return a worker that has not begun yet; `modules` are where steps may live."""
    host = await make_agents(runtime, settings)
    workflows: list[type[Any]] = [workflow_of(name, flow, host) for name, flow in flows.items()]
    if workflows:
        setattr(workflows[0], "__pydantic_ai_agents__", [agent for agent, _ in host.agents.values()])  # noqa: B010
    return Worker(
        client,
        task_queue=settings.task_queue,
        workflows=[*workflows, Repeated, Conversation],
        activities=[*Activities(runtime, modules, settings.heartbeat).all(), Repetitions(runtime, repeated).begin],
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_concurrent_activities=concurrency,
        # A run whose worker died goes to another one after this long.
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=min(10, settings.heartbeat)),
        deployment_config=_versioned(settings),
    )


def _versioned(settings: TemporalSettings) -> WorkerDeploymentConfig | None:
    if settings.build is None:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(deployment_name=settings.deployment, build_id=settings.build),
        use_worker_versioning=True,
        default_versioning_behavior=(
            VersioningBehavior.PINNED if settings.versioning == "pinned" else VersioningBehavior.AUTO_UPGRADE
        ),
    )
