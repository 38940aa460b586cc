"""Reading measurement files into one lazy canonical table; no torch."""
