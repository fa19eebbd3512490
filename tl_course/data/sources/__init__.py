"""What a network is pretrained on: one file a modality."""
