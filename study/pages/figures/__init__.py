"""The pictures: rows in, matplotlib figures out. Only the stage `plot` imports them."""
