"""Power: what meters and their logs say, and the energy of a window of time."""
