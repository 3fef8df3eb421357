import pytest


@pytest.fixture(autouse=True)
def on_site(site: str, rollback: None) -> None:
	"""Every test here has a connected site and leaves nothing that it didn't commit."""
