"""The linear study: what a rank-r update can reach at best, and what a trained B A reaches."""
