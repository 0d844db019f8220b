"""Shows how text is chosen from probabilities: greedy, beams, temperature, top-k, top-p, min-p, typical, Mirostat."""
