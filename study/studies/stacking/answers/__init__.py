"""What combining costs either task:

In come right answers, out go the record, its claims, page and figure.
"""
