"""Budgets: what a battery, a power envelope, a price or a carbon intensity allows."""
