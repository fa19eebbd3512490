"""Notebook 01: a million pictures of 1,000 drawings."""
