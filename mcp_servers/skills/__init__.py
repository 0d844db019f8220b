"""The Skills extension (`io.modelcontextprotocol/skills`): the team's know-how as documents that a client may load.

A skill is a folder here with a `SKILL.md`; every file is served under `skill://` with its SHA-256 digest.
"""
