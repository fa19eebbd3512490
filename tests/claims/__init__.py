"""What the claims of each lesson are tested on."""
