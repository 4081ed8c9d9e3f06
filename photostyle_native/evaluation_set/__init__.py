"""A folder of content and style pairs: results made or read, scored beside others' results, tabulated and shown."""
