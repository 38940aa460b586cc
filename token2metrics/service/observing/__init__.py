"""Finished requests: taken, committed to a ledger all workers share, and told of."""
