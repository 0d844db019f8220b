"""Labs: tool calls and questions with assertions on what was learned; one file is lesson, end-to-end test and case."""
