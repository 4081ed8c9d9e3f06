"""Results of a benchmark as text in the terminal, as plots, and as a page of HTML."""
