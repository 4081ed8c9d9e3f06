"""What a transfer minimises (`objective`), and the loop that does it (`solver`, `image_metric`)."""
