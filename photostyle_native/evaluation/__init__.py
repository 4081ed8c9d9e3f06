"""Results scored: one output (`evaluator`), or a folder of content and style pairs beside others' results."""
