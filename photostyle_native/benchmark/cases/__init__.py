"""The jobs that are timed: a module for each family or for related ones, each job beside its peers."""
