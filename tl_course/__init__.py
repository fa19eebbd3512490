"""Borrowed Eyes: transfer learning you can run, see and touch."""

__version__ = "0.1.0"
