"""Rules that tell a rank from a spectrum, scored:

In come spectra and the measured rank, out goes one record.
"""
