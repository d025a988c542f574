# The commands of this repository. `make help` lists them.

SWIFT ?= swift
# One configuration for everything: the demo, the tests and the benchmarks share one build.
BUILD = $(SWIFT) build -c release
VIGIL = .build/release/vigil
SOURCES = Package.swift Sources Tests Benchmarks
DEMO = .build/demo

.PHONY: help packages build samples demo test lint format clean

help:
	@echo "make demo      build, scan the samples, show the alert and its queue row"
	@echo "make test      run all tests"
	@echo "make build     build $(VIGIL)"
	@echo "make samples   generate the sample clips"
	@echo "make lint      check the format (make format applies it) and conversions of numbers"
	@echo "make clean     remove builds and generated clips"

packages:
	@scripts/install-packages

build: packages
	$(BUILD) --product vigil

samples: packages
	samples/make-samples

demo: build samples
	@scripts/demo $(VIGIL) $(DEMO)

test: packages
	$(BUILD) --build-tests
	$(SWIFT) test -c release --skip-build

lint:
	$(SWIFT) format lint --strict --recursive --configuration .swift-format $(SOURCES)
	scripts/check-numbers
	scripts/check-numbers --self-test

format:
	$(SWIFT) format --in-place --recursive --configuration .swift-format $(SOURCES)

clean:
	rm -rf .build samples/clips
