# SPDX-License-Identifier: Apache-2.0
# make install and make uninstall: the command, the library, simulators, models, pages, completions.
#
#   PREFIX    where to (/usr/local)
#   LIBDIR    the library's folder, such as PREFIX/lib/x86_64-linux-gnu (PREFIX/lib)
#   DESTDIR   a root that all paths are below, for packages

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
VERSION := $(shell sed -n 's/^\#define MEA_VERSION "\(.*\)"/\1/p' runtime/include/mea.h)
SHARE := $(PREFIX)/share
PLUGINS = $(wildcard build/hw/sim/libmea_sim_*.so $(B)/libmea_mpi.so)

$(B)/mea.pc: tools/mea.pc.in runtime/include/mea.h tools/install.mk
	$(Q)sed -e 's,@PREFIX@,$(PREFIX),' -e 's,@LIBDIR@,$(LIBDIR),' -e 's,@VERSION@,$(VERSION),' $< >$@

.PHONY: install uninstall $(B)/mea.pc
install: build-all $(B)/mea.pc ## command, manual, library, simulators, models under PREFIX
	install -D $(B)/mea $(DESTDIR)$(PREFIX)/bin/mea
	install -D -m 644 $(B)/libmea.so $(DESTDIR)$(LIBDIR)/libmea.so.0
	ln -sf libmea.so.0 $(DESTDIR)$(LIBDIR)/libmea.so
	install -D -m 644 $(B)/mea.pc $(DESTDIR)$(LIBDIR)/pkgconfig/mea.pc
	install -D -m 644 runtime/include/mea.h $(DESTDIR)$(PREFIX)/include/mea.h
	install -D -m 644 -t $(DESTDIR)$(LIBDIR)/mea $(PLUGINS)
	install -D -m 644 tools/bench/models.json $(DESTDIR)$(SHARE)/mea/energy-models.json
	install -D -m 644 -t $(DESTDIR)$(SHARE)/mea models/meanet-paper.json
	for m in $(notdir $(patsubst %/,%,$(dir $(wildcard models/*/bundle.json)))); do \
		install -D -m 644 -t $(DESTDIR)$(SHARE)/mea/models/$$m models/$$m/*; done
	install -D -m 644 -t $(DESTDIR)$(SHARE)/man/man1 $(PAGES)
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's,/usr/local/,$(PREFIX)/,' tools/serve/mea-serve.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/mea-serve.service
	install -D -m 644 $(B)/completion/mea.bash $(DESTDIR)$(SHARE)/bash-completion/completions/mea
	install -D -m 644 $(B)/completion/_mea $(DESTDIR)$(SHARE)/zsh/site-functions/_mea
	install -D -m 644 $(B)/completion/mea.fish $(DESTDIR)$(SHARE)/fish/vendor_completions.d/mea.fish

uninstall: ## what make install put there, with the same PREFIX and LIBDIR
	rm -f $(DESTDIR)$(PREFIX)/bin/mea $(DESTDIR)$(LIBDIR)/libmea.so.0 $(DESTDIR)$(LIBDIR)/libmea.so \
		$(DESTDIR)$(LIBDIR)/pkgconfig/mea.pc $(DESTDIR)$(PREFIX)/include/mea.h \
		$(DESTDIR)$(PREFIX)/lib/systemd/system/mea-serve.service $(DESTDIR)$(SHARE)/man/man1/mea.1 \
		$(DESTDIR)$(SHARE)/man/man1/mea-*.1 $(DESTDIR)$(SHARE)/bash-completion/completions/mea \
		$(DESTDIR)$(SHARE)/zsh/site-functions/_mea $(DESTDIR)$(SHARE)/fish/vendor_completions.d/mea.fish
	rm -rf $(DESTDIR)$(LIBDIR)/mea $(DESTDIR)$(SHARE)/mea
