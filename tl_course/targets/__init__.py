"""What a pretrained network is adapted to: one file a modality, and folders of your own."""
