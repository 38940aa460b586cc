"""Doctor: defects of measurement files, each found by a rule with its evidence."""
