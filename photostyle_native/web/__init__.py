"""A page in the browser: two photos, regions to paint on, dials, and files to take home."""
