"""General numerical algorithms, which may import only `errors` from this package."""
