"""Self-contained pages to look at: a report, and the explorer of what requests cost."""
