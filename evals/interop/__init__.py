"""Other people's eval tools: their data sets and metrics here, our cases and results there."""
