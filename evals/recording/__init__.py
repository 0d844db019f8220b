"""How trajectories are read: from our event log, PydanticAI messages, OpenTelemetry spans and plain JSON."""
