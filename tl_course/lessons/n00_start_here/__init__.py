"""Notebook 00, *Start here*: a learner draws digits, and four networks learn from them."""

from tl_course.lessons.lesson import Lesson

__all__ = ["Lesson"]  # what the notebook takes from the rest of the course
