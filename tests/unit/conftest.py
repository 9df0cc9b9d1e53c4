"""Properties are judged by what they find, never by how long a busy machine takes for an example."""

from hypothesis import settings

settings.register_profile("songprint", deadline=None)
settings.load_profile("songprint")
