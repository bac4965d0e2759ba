"""The project of the outages: the hammered one with pages of its own."""

from benchmarks.hammer.settings import *  # noqa: F403
from benchmarks.hammer.settings import _place

ROOT_URLCONF = "benchmarks.outages.site"
# The interval is the default again: most requests only read, as on any site.
FRONTDESK = {"STORAGE": _place["STORAGE"]}
