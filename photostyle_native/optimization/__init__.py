"""The energy that a transfer minimises (`objective`) and the loop that minimises it (`solver`, `image_metric`)."""
