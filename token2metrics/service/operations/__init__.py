"""What the service can be asked, an operation a module, and its OpenAPI document."""
