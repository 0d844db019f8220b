"""Finished work as files for people: a report as one page that needs nothing else."""
