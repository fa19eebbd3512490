"""What a layer sees: filters, gratings, patches, and pictures made for a unit."""
