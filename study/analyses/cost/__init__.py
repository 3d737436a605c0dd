"""What the methods cost: parameters, storage, operations, memory, training and inference time."""
