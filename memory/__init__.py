"""What survives a turn: core blocks, the conversation log, an archive of facts, and what keeps them in order."""
