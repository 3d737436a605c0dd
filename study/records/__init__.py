"""What stages leave for each other:

In come results, out go JSON and safetensors files, and back.
"""
