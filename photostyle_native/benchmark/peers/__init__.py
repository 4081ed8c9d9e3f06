"""The peers: the same jobs in plain PyTorch, with sparse matrices, with box filters, and by the authors' loop."""
