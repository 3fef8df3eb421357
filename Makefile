.PHONY: demo test where clean

# BENCH=<folder> of a bench whose code is used (BENCH= for none), SITE=<name> of the site, HEADLESS=1 without the Desk
demo:
	@python3 -m tests.sandbox demo

# The same BENCH; SITE=<name> keeps the site, ARGS=<pytest arguments>
test:
	@python3 -m tests.sandbox test $(ARGS)

where:
	@python3 -m tests.sandbox where

clean:
	@python3 -m tests.sandbox clean
