"""What fine-tuning did to the weights, seen through singular values and vectors."""
