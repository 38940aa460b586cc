"""Pricing traces of any size: partitions of files to partitions of Parquet, with totals."""
