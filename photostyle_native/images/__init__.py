"""Photos in and out without loss: `photo` reads, `write` writes, `codecs` holds the file formats."""
