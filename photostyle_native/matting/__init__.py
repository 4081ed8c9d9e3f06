"""The Matting Laplacian as a linear operator without a stored matrix, and the solution of systems with it."""
