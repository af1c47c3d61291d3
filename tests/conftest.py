"""What every room's tests share: random tests draw the same examples on every run, and have no clock."""

from hypothesis import settings

settings.register_profile("same-every-time", derandomize=True, deadline=None)
settings.load_profile("same-every-time")
