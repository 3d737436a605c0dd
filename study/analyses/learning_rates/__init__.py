"""Which learning rate is best and how sure that is:

In come runs at several rates, out goes one record.
"""
