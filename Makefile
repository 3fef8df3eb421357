.PHONY: test where clean

# BENCH=<folder> whose code is tested against, SITE=<name> to keep the site, ARGS=<pytest arguments>
test:
	@python3 -m tests.sandbox test $(ARGS)

where:
	@python3 -m tests.sandbox where

clean:
	@python3 -m tests.sandbox clean
