"""What there is to say about trained models: findings, a verdict in words, and the pictures."""
