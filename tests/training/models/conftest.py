import pytest

from tests.support import small_towers


@pytest.fixture(scope="session", autouse=True)
def _small_models(tmp_path_factory: pytest.TempPathFactory) -> None:
    small_towers.register(tmp_path_factory.mktemp("configs"))
