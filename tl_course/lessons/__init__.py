"""The lessons: what every notebook uses, and for each of them a twin, `nNN_…`, of its own."""
