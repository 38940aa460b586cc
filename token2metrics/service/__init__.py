"""A service that answers over HTTP what the commands answer: predictions, plans, comparisons."""
