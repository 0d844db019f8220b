"""What was said and what lasts of it: blocks, a searchable log, facts with their turns, and real forgetting."""
