"""VGG-19, its weights, and what masks become at its layers."""
