"""A mark for tests to which it makes no difference which server keeps the cache: they run once instead of on both."""

import pytest

from deploy.local.redis import IMPLEMENTATIONS

any_redis = pytest.mark.parametrize("redis_url", IMPLEMENTATIONS[:1], indirect=True)
