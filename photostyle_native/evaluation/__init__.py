"""Scores of results: of one output (`evaluator`), or of a folder of pairs of photos beside its reference results."""
