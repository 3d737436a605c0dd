"""How far tuning went: in come outputs, out go the record, its claims, page and figure."""
