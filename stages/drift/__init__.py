"""The stages of drift/dvc.yaml."""
