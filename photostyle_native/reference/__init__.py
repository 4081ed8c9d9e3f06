"""The package's operators in plain PyTorch: any dtype, any device, written to be read.

They are the truth of the tests and the fallback of `ops`. Nothing here imports the rest of the package.
"""
