"""How things are measured: sweeps, settings chosen on validation data, recorded tables."""
