.PHONY: demo test test-faults where clean

# BENCH=<folder> of a bench whose code is used (BENCH= for none), SITE=<name> of the site, HEADLESS=1 without the Desk
demo:
	@python3 -m tests.sandbox demo

# The same BENCH; SITE=<name> keeps the site, ARGS=<pytest arguments>
test:
	@python3 -m tests.sandbox test $(ARGS)

# About ten minutes; ROUNDS=<number>, CUSTOMERS=<number>, SEED=<what an earlier run printed>
test-faults:
	@python3 -m tests.sandbox faults

where:
	@python3 -m tests.sandbox where

clean:
	@python3 -m tests.sandbox clean
