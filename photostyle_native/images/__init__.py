"""Reading and writing of photos without loss: `photo` reads, `write` writes, `codecs` holds the file formats."""
