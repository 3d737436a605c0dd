"""The experiment: settings, data, models, training, statistics, figures."""
