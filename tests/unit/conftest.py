"""No example of a property is timed: machines that run these tests are as busy as those that they are about."""

from hypothesis import settings

settings.register_profile("untimed", settings.default, deadline=None)
settings.load_profile("untimed")
