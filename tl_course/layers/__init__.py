"""What a layer sees."""
