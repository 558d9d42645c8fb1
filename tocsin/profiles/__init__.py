"""Mapping profiles: how a tape of a known shape becomes a book and its facts. One file per profile."""

from tocsin.profiles.auto_abs import AutoAbs
from tocsin.profiles.base import Profile
from tocsin.profiles.nyc_projects import NycProjects

PROFILES: dict[str, Profile] = {profile.name: profile for profile in (AutoAbs(), NycProjects())}
