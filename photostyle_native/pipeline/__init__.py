"""The whole method: photos and masks in, a `TransferResult` out."""
