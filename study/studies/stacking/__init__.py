"""Adapters of two tasks in one model: added with weights, whole or in part, exactly or cut down."""
