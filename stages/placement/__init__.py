"""The stages of placement/dvc.yaml."""
