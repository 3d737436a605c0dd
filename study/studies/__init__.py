"""The studies beside the main one: each takes its results and adds a question of its own."""
