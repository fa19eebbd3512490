"""The command `tl-course`: notebooks, reports, records, and the check of the environment."""
