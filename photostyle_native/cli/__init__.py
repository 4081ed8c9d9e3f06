"""The program `photostyle`: its grammar (`options`), a module for each command, and what the commands share."""
