"""What `make check` holds the repository to, beside ruff and mypy."""
