"""Configurations side by side: what a workload costs in each, and which to choose."""
