"""What every answer over HTTP is made of: bodies, operations, problems."""
