"""The program `photostyle`: its grammar (`options`), a file a command, and what they share."""
