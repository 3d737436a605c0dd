"""An adapter that was trained elsewhere, looked at and cut down:

In comes an adapter in PEFT's format, out come what it uses of its rank, and a smaller adapter.
"""
