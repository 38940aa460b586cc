"""Measured claims: scripts that print a figure, its target and whether it holds."""
