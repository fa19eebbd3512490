"""Notebook 03: borrow four layers, train one."""

from tl_course.core import network

__all__ = ["network"]  # what the notebook takes from the rest of the course
