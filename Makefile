# Portolan. `make run` and `make test` do all set-up themselves on a fresh Debian with Node >= 20 and npm.
SHELL := /bin/bash
.DEFAULT_GOAL := help
# The project's own Node (from npm, in the lock file), where there is one for this machine.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
export METADATA_SERVER_DETECTION := none

.PHONY: help setup system build package run portolan test check format terraform terraform-docs configuration-reference deploy bench clean compatibility

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 26

node_modules/.installed: package.json package-lock.json
	@echo "Installing packages (no install scripts are run)..." >&2
	npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
	@touch $@

setup: node_modules/.installed ## install packages

system:
	@missing=""; \
	command -v java >/dev/null || missing="$$missing openjdk-17-jre-headless"; \
	command -v curl >/dev/null || missing="$$missing curl"; \
	command -v openssl >/dev/null || missing="$$missing openssl"; \
	[ -z "$$missing" ] || { echo "Installing for the tests:$$missing"; \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing; } || \
	  { echo "The tests need these Debian packages:$$missing. Install them, then run this again."; exit 1; }

build: setup ## bundles in dist/<platform>, library in dist/lib
	node .build/build.ts

package: setup ## deterministic zips in dist/packages/<cloud> (CLOUD=aws CONFIG=portolan.yaml HANDLERS=handlers.mjs: one of them, with a configuration and your own code in it)
	node .build/build.ts $(or $(CLOUD),aws azure gcp) >&2
	@node .build/package.ts $(CLOUD) $(if $(CONFIG),--config '$(CONFIG)') $(if $(HANDLERS),--handlers '$(HANDLERS)')

dist/local/portolan.mjs: node_modules/.installed $(shell find core adapters .build -name '*.ts')
	node .build/build.ts local >&2

run: dist/local/portolan.mjs ## run on this machine: control API on 8787, forward gateway on 8788
	node dist/local/portolan.mjs dev $(ARGS)

portolan: dist/local/portolan.mjs ## any command: make portolan ARGS="keys create"
	@node dist/local/portolan.mjs $(ARGS)

check: setup ## types, lint, boundaries, format, unused code
	node .build/check.ts

test: setup system build check ## everything: emulators are started and stopped; exits non-zero on any failure
	vitest run
	node test/conformance/write-compatibility.ts --check
	node .build/terraform.ts

terraform: setup ## format, validation, plans against security rules, all Terraform tests
	node .build/build.ts aws azure gcp
	node .build/terraform.ts

terraform-docs: setup ## write the tables of terraform/ and docs/deploy-*.md anew
	node .build/terraform-docs.ts
	node .build/build.ts aws azure gcp >&2
	node .build/terraform.ts --write 'plan '

configuration-reference: setup ## write the reference and the examples in docs/configuration.md anew
	node .build/write-configuration-reference.ts
	prettier --write --log-level warn docs/configuration.md

deploy: package ## CLOUD=aws|azure|gcp: package, init and apply the minimal example (ARGS: for terraform apply)
	@[ -d 'terraform/examples/$(CLOUD)-minimal' ] && [ -n '$(CLOUD)' ] || { echo 'Say which cloud: make deploy CLOUD=aws, azure or gcp.'; exit 2; }
	cd terraform/examples/$(CLOUD)-minimal && terraform init && terraform apply $(ARGS) && terraform output

compatibility: ## write the compatibility table of the last test run into the README
	node test/conformance/write-compatibility.ts

bench: build ## measure against the references; prints a table
	node test/bench/run.ts

format: setup ## format all files
	prettier --write --log-level warn .

clean: ## remove what was built
	rm -rf dist .cache core/**/*.tsbuildinfo
