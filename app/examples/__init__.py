"""What the OpenAPI document shows by example: real structs, so that none can drift from its schema."""
