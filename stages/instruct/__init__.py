"""The stages of instruct/dvc.yaml; they work in the folder that --study names."""
