# A thin front: meson and ninja build, tests/run tests. `make` alone prints this list, because every
# other target may install packages, and nothing should do that unasked.

PREFIX ?= /usr/local
DESTDIR ?=
BUILD = build
SANITIZED = build-asan
FUZZ = build-fuzz
SECONDS_EACH ?= 60

.NOTPARALLEL:
.PHONY: help build build-tests build-sanitized demo check check-style check-unit check-cli \
	check-hosts check-engine check-engines check-packages setup-check bench fuzz install uninstall clean format

help:
	@echo 'make build           install what a build needs, then build/bin/nvbind, nvbind-hook, nvbind-probe'
	@echo 'make demo            the main job, end to end, rootless; on simulated GPUs where there is none'
	@echo 'make check           every test; the last line is "N passed, N failed, N skipped"'
	@echo 'make check-unit      one suite; also check-style, check-cli, check-hosts, check-engine'
	@echo 'make check-engines   the tests about engines on every version of them; result: docs/support.md'
	@echo 'make check-packages  .deb, .rpm and install.sh, each made, installed and removed'
	@echo 'make bench           the figures of docs/performance.md, measured on this machine'
	@echo 'make fuzz            libFuzzer on the readers of untrusted input (SECONDS_EACH=$(SECONDS_EACH))'
	@echo 'make install         into $$(DESTDIR)$$(PREFIX), PREFIX=$(PREFIX)'
	@echo 'make uninstall       takes that away, and the specification that refresh wrote'
	@echo 'make format          clang-format 14 on every C file'
	@echo 'make clean           remove the build folders (the test cache stays: tests/lib/cache clean)'
	@echo
	@echo 'Packages come from the distribution alone, and are listed before they are installed.'

build:
	@scripts/setup build
	@scripts/build $(BUILD)

demo:
	@scripts/demo

setup-check:
	@scripts/setup build run check lab

build-tests: setup-check
	@scripts/build $(BUILD) -Dtests=enabled

build-sanitized: setup-check
	@scripts/build $(SANITIZED) -Dtests=enabled -Db_sanitize=address,undefined -Db_lundef=false

check: build-tests build-sanitized
	@tests/run --build $(BUILD) --sanitized $(SANITIZED)

check-style: setup-check
	@tests/run style

check-unit check-cli check-hosts: build-sanitized
	@tests/run --sanitized $(SANITIZED) $(@:check-%=%)

check-engine: build-tests
	@tests/run --build $(BUILD) engine

check-engines: build-tests
	@scripts/check-engines --build $(BUILD)

# The .deb, the .rpm and the installer, each made, installed and removed.
check-packages: build-tests
	@scripts/setup package
	@NVBIND_TEST_PACKAGES=all tests/run --build $(BUILD) --sanitized $(BUILD) tests/cli/package.bats

bench:
	@scripts/setup build run check
	@scripts/build $(BUILD)
	@bench/run

fuzz:
	@scripts/setup build fuzz
	@CC=clang CXX=clang++ scripts/build $(FUZZ) -Dfuzz=true -Dtests=disabled \
		-Db_sanitize=address,undefined -Db_lundef=false \
		-Dc_args=-fsanitize=fuzzer-no-link -Dcpp_args=-fsanitize=fuzzer-no-link
	@tests/fuzz/run $(FUZZ) --seconds $(SECONDS_EACH)

install:
	@scripts/setup build
	@scripts/build $(BUILD) --prefix=$(PREFIX)
	DESTDIR='$(DESTDIR)' meson install -C $(BUILD) --no-rebuild

# What it wrote on this machine goes too, and what it moved aside comes back.
uninstall:
	@[ -n '$(DESTDIR)' ] || [ "$$(id -u)" != 0 ] || [ ! -x '$(PREFIX)/bin/nvbind' ] || \
		'$(PREFIX)/bin/nvbind' cdi refresh --give-back
	DESTDIR='$(DESTDIR)' ninja -C $(BUILD) uninstall

clean:
	rm -rf $(BUILD) $(SANITIZED) $(FUZZ)

format:
	@git ls-files -z '*.c' '*.h' | xargs -0 "$$(command -v clang-format-14 || echo clang-format)" -i
