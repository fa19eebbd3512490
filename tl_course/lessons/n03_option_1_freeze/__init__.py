"""Notebook 03: borrow four layers, train one."""
