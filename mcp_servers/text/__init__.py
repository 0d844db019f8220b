"""Text processing: pipelines, word vectors, topics, entities and relations, classifiers and prompts compared."""
