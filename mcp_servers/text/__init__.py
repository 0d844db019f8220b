"""Classical text processing: spaCy and NLTK pipelines, word vectors trained here, and classifiers compared."""
