"""The accuracy protocols: one module per group of protocols that share data."""
