"""What a learner touches. Nothing is computed here: the rooms below do that."""
