"""The package's logger, found when something is logged first."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging


def log() -> logging.Logger:
    import logging

    return logging.getLogger("ramekin")
