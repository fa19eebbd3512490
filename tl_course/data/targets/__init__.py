"""What a pretrained network is adapted to: one file a task, and folders of your own."""
