"""all-MiniLM-L6-v2 without its weights: the graph that onnxruntime runs and the script that draws it."""
