"""The service as production runs it, for pages that depend on that."""

from collections.abc import Callable

import pytest

from tests.api import Api
from tests.conftest import MakeApp
from tests.environments import PRODUCTION

InProduction = Callable[..., Api]


@pytest.fixture
def in_production(make_app: MakeApp, environment: dict[str, str]) -> InProduction:
    """Make an application of production on the test's own database, with some settings of the test's own."""
    own = {name: environment[name] for name in ("DATABASE_URL", "INSTANCE_DIR")}
    none = {"SINCH_BASE_URL": "", "REDIS_URL": "", "FRONTEND_URL": ""}

    def make(**settings: str) -> Api:
        return Api(make_app(**{**PRODUCTION, **own, **none, **settings}))

    return make
