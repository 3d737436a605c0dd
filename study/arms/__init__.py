"""The arms of the study:

In come settings and data, out come each arm's runs, its rate picked, its record.
"""
