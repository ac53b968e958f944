# Two commands do all the set-up that they need:
#   make run    start NEXO and say where
#   make test   pass every test

CARGO ?= cargo

.PHONY: run test examples bench

run: postgresql
	$(CARGO) run -p nexo-server

test: postgresql
	$(CARGO) test --workspace --all-targets
	$(CARGO) test --workspace --doc
	sh scripts/examples.sh

examples: postgresql
	sh scripts/examples.sh

bench: postgresql
	$(CARGO) bench --bench scoped_query
	$(CARGO) bench --bench gateway
	$(CARGO) bench --bench auth
	$(CARGO) bench --bench scale
	$(CARGO) bench --bench import
	$(CARGO) bench --bench audit
	$(CARGO) bench --bench visibility
	$(CARGO) bench --bench stages
	$(CARGO) bench --bench dashboard

# Each target for as many seconds.
FUZZ_SECONDS ?= 30
.PHONY: fuzz
fuzz:
	sh scripts/fuzz.sh $(FUZZ_SECONDS)

# Each fault against the program on a PostgreSQL of its own, and afterwards a soak: two
# faults each every 20 s under a mixed load. FAULTS="F1 F9" for some of them and no soak,
# SOAK=1h for a longer one, SOAK=off for none; `make soak` for the soak alone.
FAULTS ?=
SOAK ?= $(if $(FAULTS),off,3m)
.PHONY: chaos soak
chaos: postgresql
	$(CARGO) test -p nexo-server --test chaos -- run $(if $(filter-out off,$(SOAK)),--soak $(SOAK)) $(FAULTS)

soak: SOAK := $(if $(filter-out off,$(SOAK)),$(SOAK),3m)
soak: postgresql
	$(CARGO) test -p nexo-server --test chaos -- soak $(SOAK)

# Only the server's binaries are needed: NEXO runs them itself.
.PHONY: postgresql
postgresql:
	@sh scripts/install-postgresql.sh
