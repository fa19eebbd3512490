"""Notebook 01: a million drawings of cats, cars and people."""

from tl_course.core import network, training

__all__ = ["network", "training"]  # what the notebook takes from the rest of the course
