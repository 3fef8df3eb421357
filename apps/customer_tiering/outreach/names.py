"""Names of touches: they stand in links, so they are short."""

import secrets

ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
LENGTH = 12


def new_touch_name() -> str:
	return "".join(secrets.choice(ALPHABET) for _number in range(LENGTH))
