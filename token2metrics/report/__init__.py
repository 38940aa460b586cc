"""Results for the eye: units, tables and plots."""
