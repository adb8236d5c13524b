# Two commands for newcomers; everything else is `mkimage` (see README.md).
.DEFAULT_GOAL := run
.PHONY: run test check clean mkimage

MKIMAGE := build/bin/mkimage

# Set-up is quiet and quick when nothing is missing, and cargo when nothing changed.
# The first build shows cargo's progress; later ones only their errors.
mkimage:
	@setup/install.sh
	@. setup/env.sh && cargo build $$([ -x $(MKIMAGE) ] && echo --quiet) --release -p mkimage --target-dir build/host
	@ln -sf ../host/release/mkimage $(MKIMAGE)

run: mkimage
	@. setup/env.sh && $(MKIMAGE) run

test: mkimage
	@. setup/env.sh && $(MKIMAGE) test --all

check: mkimage
	@. setup/env.sh && $(MKIMAGE) check

clean:
	rm -rf build
