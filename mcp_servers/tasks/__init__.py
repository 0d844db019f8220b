"""The Tasks extension (`io.modelcontextprotocol/tasks`): long work that a client starts, leaves and comes back to.

A task is a run of a run store: either a run that a worker drives, or one call of a tool that this process goes on with.
Nothing about it is kept in memory alone, so a server that was restarted still answers.
"""
