"""The whole transfer, from photos and masks to a `TransferResult`."""
