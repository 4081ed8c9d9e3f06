"""The Matting Laplacian as a linear operator without a matrix, and the solver for alpha mattes on it."""
