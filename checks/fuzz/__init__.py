"""Bad input by the thousand: settings, data files, adapters and records, each held to one law.

In comes a number of cases and a seed, out goes a table: how many of each kind were accepted, how
many were refused, and what broke the law (`checks.fuzz.judge`).
"""
