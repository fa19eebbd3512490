"""Read this first: the network, the training loop, pretraining, Option 1, Option 2."""
