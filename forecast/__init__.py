"""What the study will cost on this machine, before anything is trained:

In come settings, out come time, memory and disk of every stage, counted and probed.
"""
