"""How others compute the same: plain PyTorch, sparse matrices, box filters, the authors' loop."""
