"""From ratings to vectors: reading them, the sparse matrix, explicit factors by SGD."""
