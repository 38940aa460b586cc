"""Plans: the longest request that keeps limits, from a predictor's upper bounds, without torch."""
