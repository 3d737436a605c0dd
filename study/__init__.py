"""The experiment, in rooms; imports go down the list in docs/house.md, from studies to entry."""
