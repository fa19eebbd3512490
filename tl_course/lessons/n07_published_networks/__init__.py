"""Notebook 07: on shared shoulders, networks that others trained."""
