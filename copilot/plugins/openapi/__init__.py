"""Web APIs that are described by OpenAPI 3.0 and 3.1 (3.2 is read as 3.1, Swagger 2.0 is converted)."""
