"""Capacity or training: does a small rank lack room, or was it badly trained?"""
