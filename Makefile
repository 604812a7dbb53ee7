SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/rohrpost
LINT_VERSION := v2.15.0
LINT := $(CACHE)/golangci-lint-$(LINT_VERSION)/golangci-lint

K6_VERSION := 1.8.1
K6 := $(CACHE)/k6-$(K6_VERSION)/k6

# The mail server that the tests send to. Its module has no web page in it, only the API, which is what they read.
MAILPIT_VERSION := 1.27.11# internal/devstack/mailpit.go names the same one

# Two packages at a time: each starts servers of its own, and more of them than cores only wait for one another. Vet is
# verify's business: once more for what the race detector builds takes some seconds a package.
TEST := go test -p 2 -timeout 10m -vet=off

# The race detector would see nothing in these that it doesn't see elsewhere, and makes them two to three times as slow:
# acceptance is a client of processes that are built without it, plans one goroutine that waits for a database, what bench
# times are parts whose own tests run with it, and redact and tinygguf compute on one goroutine and share nothing. make
# race has them with it all the same.
UNRACED := ./db/plans ./internal/acceptance ./internal/bench ./internal/redact ./internal/devstack/tinygguf

.PHONY: help run observe build test race lint gen verify bench load smoke chaos chaos-smoke ollama clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo '  make run answers AI questions by OLLAMA_HOST, or the Ollama of this machine; without either it builds one, once,'
	@echo '  for a tiny model that shows how answers arrive. DEMO_MODEL=0 leaves that out, DEMO_MODEL=1 takes it anyway.'

run: build ## start everything on private servers, print the address, an admin login and a tour
	@build/setup.sh run
	@if build/demo-model.sh '$(DEMO_MODEL)'; then exec bin/rohrpost dev --tiny-model; else exec bin/rohrpost dev; fi

observe: build ## run, with a Prometheus beside it that has our alerts, and print its address, too
	@build/setup.sh observe
	@if build/demo-model.sh '$(DEMO_MODEL)'; then exec bin/rohrpost dev --prometheus --tiny-model; else exec bin/rohrpost dev --prometheus; fi

build: ## compile bin/rohrpost
	@go build -o bin/rohrpost .

# Beside each other: those without the race detector mostly wait for processes of their own.
test: servers ## all tests, on real servers, with the race detector and in random order
	@$(MAKE) --no-print-directory -j2 test-raced test-beside

race: servers ## the tests three times over, to meet the rarer orders
	$(TEST) -race -shuffle=on -count=3 -timeout 30m ./...

lint: $(LINT) ## golangci-lint
	$(LINT) run

gen: ## write what is generated anew: queries by sqlc, the server's interface by oapi-codegen, dashboards
	@build/gen.sh

verify: lint ## everything but the tests: format, vet, lint, generated code, modules, scripts
	@build/verify.sh

bench: build peers ## measure it beside what one could pick instead; BENCH=--quick for a first impression
	@build/setup.sh run
	@build/ollama/build.sh
	@bin/rohrpost bench jobs --peer bin/peer-river $(BENCH)
	@for what in http streams files ai; do echo; bin/rohrpost bench $$what $(BENCH); done

load: build $(K6) ## load tests by k6 on a private stack, some seven minutes; budgets in loadtest/budgets.json
	@build/setup.sh run
	@build/ollama/build.sh
	@K6=$(K6) loadtest/run.sh full

smoke: build $(K6) ## the same in half a minute, with budgets that a busy machine keeps
	@build/setup.sh run
	@build/ollama/build.sh
	@K6=$(K6) loadtest/run.sh smoke

chaos: build ## break a private stack in every way there is, for 10 minutes, and check that nothing is lost or done twice
	@build/setup.sh run
	@bin/rohrpost chaos --for 10m --jobs 60000

# The kill comes before the wipe: otherwise it takes Asynq two minutes to tidy up after a killed worker.
chaos-smoke: build ## some of it in less than 2 minutes
	@build/setup.sh run
	@bin/rohrpost chaos --for 25s --jobs 1500 --faults postgres-restart,network-half-open,scheduler-kill,worker-kill,redis-flush

ollama: ## build the Ollama server that the tests and DEMO_MODEL=1 run
	@build/ollama/build.sh

clean: ## remove what was built and the private servers' data of `make run`
	rm -rf bin .dev

$(K6):
	@build/tool.sh k6 go.k6.io/k6 $(K6_VERSION)

.PHONY: servers peers test-raced test-beside
test-raced:
	@beside=$$(go list $(UNRACED)); packages=$$(go list ./... | grep -vxF "$$beside"); \
	$(TEST) -race -shuffle=on $$packages

test-beside:
	$(TEST) -p 1 -shuffle=on $(UNRACED)
	QUEUE_PLAIN=true $(TEST) -race -shuffle=on ./internal/queue
	go -C loadtest/peers test -timeout 10m ./...

# Other job engines, for the bench. Their module is apart, so that they never enter ours.
peers:
	@go -C loadtest/peers build -o ../../bin/peer-river ./river

servers:
	@build/setup.sh test
	@build/ollama/build.sh
	@build/tool.sh mailpit github.com/axllent/mailpit $(MAILPIT_VERSION)

# Installed by itself and not as a tool of a module, as its authors advise: it brings 200 modules of its own.
$(LINT):
	@build/tool.sh golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint $(LINT_VERSION)
