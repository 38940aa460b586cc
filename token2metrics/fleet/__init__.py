"""Many curves at once: every device x model x conditions x phase of a table, in one batched fit."""
