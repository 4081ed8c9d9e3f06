"""Many photos: which they are, what becomes of one, what is finished already, and where the work runs."""
