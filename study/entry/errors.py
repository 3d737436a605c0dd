"""The one exception that a person who runs the study is meant to read."""

from __future__ import annotations


class StudyError(Exception):
    """Bad input: the message names the key or file, the value, and what is allowed.

    `study.entry.command` prints the message alone, without a traceback, and exits with status 2.
    """
