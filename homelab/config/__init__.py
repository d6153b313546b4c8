"""The stack config: one module of pydantic models for each section, and the loader."""
