"""Benchmarks that other people wrote, read where they lie: nothing of them is part of this repository.

| name | what is checked | whose, licence |
| --- | --- | --- |
| `bfcl` | calls against possible answers, as trees | Berkeley Function Calling Leaderboard, Apache-2.0 |
| `agentdojo` | the task is done, and the planted order is not | ETH Zurich and Invariant Labs, MIT |
| `tau2` | the database after the conversation | Sierra Research, MIT |
"""
