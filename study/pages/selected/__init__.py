"""The model to take away: the adapter that the study recommends, merged too, with its cards."""
