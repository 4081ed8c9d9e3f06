"""Algorithms that know nothing of photos; they import nothing of the package but `errors`."""
