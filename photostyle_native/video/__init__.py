"""Films: their shots, a look for each, and the way in and out by ffmpeg's libraries (PyAV)."""
