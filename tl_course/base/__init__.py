"""Ground floor: errors, files on disk, the machine, many trainings side by side, intervals."""
