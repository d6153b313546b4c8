"""Every service of the catalog whose program runs behind the rendered reverse proxies in a test."""

from __future__ import annotations

from tests.programs.app_others import OTHERS
from tests.programs.app_table import DEBIAN

APPS = dict(sorted((DEBIAN | OTHERS).items()))
