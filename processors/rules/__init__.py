"""The rule language: documents, their checks and their meaning (`docs/rules`). Pure values throughout."""
