"""What people look at:

In come records, out go figures, the report and the selected adapter's card.
"""
