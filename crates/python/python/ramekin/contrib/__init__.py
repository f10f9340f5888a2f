"""Ramekin in frameworks: `django.cache`, `django.sessions`, `fastapi`, `aiohttp`, and fixtures for pytest. Each module imports its
framework, and nothing else of the package imports these."""
