"""What every room's tests share: random tests draw the same examples on every run, and have no clock."""

import signal

from hypothesis import settings

# A job in the background of a shell is born deaf to these two, and so would be every program that is started here.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)

settings.register_profile("same-every-time", derandomize=True, deadline=None)
settings.load_profile("same-every-time")
