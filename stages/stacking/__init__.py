"""The stages of stacking/dvc.yaml."""
