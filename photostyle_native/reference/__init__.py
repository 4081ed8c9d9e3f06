"""The operators of `photostyle_native.ops` in plain PyTorch, for every floating dtype and device, written to be read.

The tests compare the native kernels with them, and `ops` falls back on them where there is no kernel. Nothing here
checks its arguments or imports the rest of the package.
"""
