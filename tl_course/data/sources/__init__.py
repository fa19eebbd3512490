"""Sources that a network is pretrained on."""
