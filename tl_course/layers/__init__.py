"""What layers see: filters, gratings, patches, and pictures synthesised for a unit."""
