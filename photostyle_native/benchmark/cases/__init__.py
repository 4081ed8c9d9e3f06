"""What is timed: a module for each family of jobs, every job beside its peers."""
