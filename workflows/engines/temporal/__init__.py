"""Flows on Temporal: the same functions, each as a generated workflow, their steps as activities."""
