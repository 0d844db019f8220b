"""What can be checked of a statement without a language model: its sums, its rows and its passages."""
