// SPDX-License-Identifier: Apache-2.0
//
// The harness around a Verilated accelerator: clock, AXI4-Lite master, and an AXI
// memory with latency and random back-pressure. The loop does per cycle only what
// a channel that is active needs, because the harness, not the array, is what
// makes simulations slow.
#include "shim.h"

#include "engines.h"

#include "Vmea_accel.h"
#include "Vmea_accel___024root.h"
#include "mea_isa.h"
#include "verilated.h"
#if MEA_SIM_TRACE
#include "verilated_fst_c.h"
#endif

#if MEA_SIM_COVER
#include "verilated_cov.h"
#endif

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <map>
#include <memory>
#include <string>

#include <unistd.h>

#ifndef MEA_SIM_CONFIG
#error "MEA_SIM_CONFIG names the configuration"
#endif

namespace
{

constexpr unsigned beat_bytes = MEA_SIM_AXI_DW / 8;
constexpr unsigned queue_size = 64; // bursts that the memory takes at once

struct Map {
	uint64_t size;
	uint8_t *host;
};

struct Burst {
	uint64_t ready; // cycle of the first beat, or of the answer
	uint8_t *host;	// nullptr: unmapped
	unsigned beats, sent;
	bool error;
};

struct Fifo {
	Burst b[queue_size];
	unsigned head = 0, count = 0;
	Burst &front()
	{
		return b[head % queue_size];
	}
	void push(const Burst &x)
	{
		b[(head + count++) % queue_size] = x;
	}
	void pop()
	{
		head++, count--;
	}
};

// A beat is one 64-bit port or an array of 32-bit words, as Verilator chooses.
template <typename T> inline void put_beat(T &port, const uint8_t *from)
{
	memcpy(&port, from, beat_bytes);
}

} // namespace

struct mea_shim {
	VerilatedContext context;
	std::unique_ptr<Vmea_accel> top;
#if MEA_SIM_TRACE
	std::unique_ptr<VerilatedFstC> fst;
#endif
	std::map<uint64_t, Map> maps; // by address
	uint64_t now = 0, latency = 0, random = 0;
	unsigned stall = 0;
	uint64_t fail_read = 0, fail_write = 0;
	bool hang = false;
	Fifo reads, writes, answers;
	mea_sim_bus seen = {};
	bool held_ar = false, held_aw = false;
	uint64_t held_ar_addr = 0, held_aw_addr = 0;
	bool irq_was = false;
	uint64_t irq_rises = 0;
	mea_sim_burst_fn *watcher = nullptr;
	void *watcher_arg = nullptr;
	Engines engines;

	bool stalls()
	{
		if (!stall)
			return false;
		random ^= random << 13, random ^= random >> 7, random ^= random << 17;
		return random % 100 < stall;
	}

	void complain(uint64_t &counter, uint64_t addr)
	{
		if (!seen.unmapped && !seen.crossing && !seen.unstable)
			seen.first_bad = addr;
		counter++;
	}

	uint8_t *find(uint64_t addr, uint64_t size)
	{
		auto next = maps.upper_bound(addr);

		if (next == maps.begin())
			return nullptr;
		auto &[start, map] = *--next;
		uint64_t offset = addr - start;
		return size <= map.size && offset <= map.size - size ? map.host + offset : nullptr;
	}

	Burst burst(uint64_t addr, unsigned len, uint64_t &fail, bool write)
	{
		Burst b = {now + latency, nullptr, len + 1, 0, false};
		uint64_t size = uint64_t(b.beats) * beat_bytes;

		if (watcher)
			watcher(watcher_arg, addr, uint32_t(size), write);
		b.host = find(addr, size);
		if (!b.host)
			complain(seen.unmapped, addr);
		if ((addr & 4095) + size > 4096)
			complain(seen.crossing, addr);
		b.error = !b.host || (fail && --fail == 0);
		return b;
	}

	void drive()
	{
		Vmea_accel *t = top.get();

		// Before the reset has been clocked in, the design's outputs are random.
		if (t->rst) {
			t->m_axi_arready = t->m_axi_awready = t->m_axi_wready = 0;
			return;
		}
		t->m_axi_arready = !hang && reads.count < queue_size && !stalls();
		t->m_axi_awready = !hang && writes.count < queue_size && !stalls();
		// A beat once offered stays until taken.
		if (!t->m_axi_rvalid && reads.count && reads.front().ready <= now && !hang &&
		    !stalls()) {
			Burst &b = reads.front();
			static const uint8_t nothing[64] = {};

			t->m_axi_rvalid = 1;
			t->m_axi_rresp = b.error ? 2 : 0;
			put_beat(t->m_axi_rdata, b.host ? b.host + b.sent * beat_bytes : nothing);
		}
		t->m_axi_wready = writes.count && answers.count < queue_size && !hang && !stalls();
		if (!t->m_axi_bvalid && answers.count && answers.front().ready <= now && !hang &&
		    !stalls()) {
			t->m_axi_bvalid = 1;
			t->m_axi_bresp = answers.front().error ? 2 : 0;
		}
	}

	void write_beat()
	{
		Burst &b = writes.front();
		const uint8_t *data = reinterpret_cast<const uint8_t *>(&top->m_axi_wdata);

		seen.write_beats++;
		for (unsigned i = 0; b.host && i < beat_bytes; i++)
			if (top->m_axi_wstrb >> i & 1)
				b.host[b.sent * beat_bytes + i] = data[i];
		if (++b.sent == b.beats) {
			b.ready = now + latency;
			answers.push(b);
			writes.pop();
		}
	}

	// An address channel must not change or withdraw a request not yet taken.
	void watch(bool &held, uint64_t &held_addr, bool valid, bool ready, uint64_t addr)
	{
		if (held && (!valid || addr != held_addr))
			complain(seen.unstable, addr);
		held = valid && !ready;
		held_addr = addr;
	}

	void watch_all()
	{
		const Vmea_accel *t = top.get();

		watch(held_ar, held_ar_addr, t->m_axi_arvalid, t->m_axi_arready, t->m_axi_araddr);
		watch(held_aw, held_aw_addr, t->m_axi_awvalid, t->m_axi_awready, t->m_axi_awaddr);
	}

	void cycle()
	{
		Vmea_accel *t = top.get();

		drive();
		t->clk = 0;
		t->eval();
		dump();
		if (engines.fn)
			engines.look(top->rootp);
		bool ar = t->m_axi_arvalid && t->m_axi_arready;
		bool aw = t->m_axi_awvalid && t->m_axi_awready;
		bool r = t->m_axi_rvalid && t->m_axi_rready;
		bool w = t->m_axi_wvalid && t->m_axi_wready;
		bool b = t->m_axi_bvalid && t->m_axi_bready;

		if (t->rst)
			ar = aw = r = w = b = false;
		else
			watch_all();
		if (ar) {
			reads.push(burst(t->m_axi_araddr, t->m_axi_arlen, fail_read, false));
			seen.read_bursts++;
		}
		if (w)
			write_beat();
		if (aw) {
			writes.push(burst(t->m_axi_awaddr, t->m_axi_awlen, fail_write, true));
			seen.write_bursts++;
		}
		t->clk = 1;
		t->eval();
		dump();
		now++;
		irq_rises += t->irq && !irq_was;
		irq_was = t->irq;
		if (r) {
			seen.read_beats++;
			t->m_axi_rvalid = 0;
			if (++reads.front().sent == reads.front().beats)
				reads.pop();
		}
		if (b) {
			t->m_axi_bvalid = 0;
			answers.pop();
		}
	}

	void dump()
	{
#if MEA_SIM_TRACE
		if (fst)
			fst->dump(now * 2 + top->clk);
#endif
	}
};

namespace
{

mea_shim *shim_open(const mea_sim_options *opt, char *error, size_t size)
{
	std::unique_ptr<mea_shim> s(new mea_shim);

	s->latency = opt->latency;
	s->stall = opt->stall_percent > 90 ? 90 : opt->stall_percent;
	s->random = opt->seed * 0x9e3779b97f4a7c15ull + 1;
	// Registers and memories without a reset start with random contents, so
	// that nothing can rely on them.
	s->context.randReset(2);
	s->context.randSeed(int(opt->seed % 0x7fffffff) + 1);
	s->top.reset(new Vmea_accel(&s->context, "accel"));
#if MEA_SIM_TRACE
	if (opt->trace) {
		s->context.traceEverOn(true);
		s->fst.reset(new VerilatedFstC);
		s->top->trace(s->fst.get(), 99);
		s->fst->open(opt->trace);
		if (!s->fst->isOpen()) {
			snprintf(error, size, "%s: cannot be written", opt->trace);
			return nullptr;
		}
	}
#else
	if (opt->trace) {
		snprintf(error, size, "this build of the simulator cannot trace");
		return nullptr;
	}
#endif
	Vmea_accel *t = s->top.get();

	t->s_axil_awvalid = t->s_axil_wvalid = t->s_axil_arvalid = 0;
	t->s_axil_bready = t->s_axil_rready = 1;
	t->m_axi_rvalid = t->m_axi_bvalid = 0;
	t->rst = 1;
	for (int i = 0; i < 4; i++)
		s->cycle();
	t->rst = 0;
	return s.release();
}

void shim_close(mea_shim *s)
{
	if (!s)
		return;
#if MEA_SIM_TRACE
	if (s->fst)
		s->fst->close();
#endif
	// A model takes its scopes from the thread's context, which may be another device's, even
	// one that is gone.
	Verilated::threadContextp(&s->context);
	s->top->final();
#if MEA_SIM_COVER
	// `make coverage` names a folder for what each device reached.
	static std::atomic<unsigned> devices;
	const char *dir = getenv("MEA_COVERAGE");

	if (dir) {
		std::string file = std::string(dir) + "/" + std::to_string(getpid()) + "-" +
				   std::to_string(devices++) + ".dat";

		s->context.coveragep()->write(file.c_str());
	}
#endif
	delete s;
	Verilated::threadContextp(Verilated::defaultContextp());
}

int shim_map(mea_shim *s, uint64_t addr, void *host, size_t size)
{
	if (!size || addr + size < addr)
		return -1;
	auto next = s->maps.lower_bound(addr);
	if (next != s->maps.end() && next->first < addr + size)
		return -1;
	if (next != s->maps.begin() && addr - std::prev(next)->first < std::prev(next)->second.size)
		return -1;
	s->maps[addr] = {size, static_cast<uint8_t *>(host)};
	return 0;
}

void shim_unmap(mea_shim *s, uint64_t addr)
{
	s->maps.erase(addr);
}

// The slave answers in a few cycles in any state, so a bound that is never
// reached keeps a broken design from hanging the caller.
constexpr int axil_limit = 64;

uint32_t shim_read(mea_shim *s, uint32_t reg)
{
	Vmea_accel *t = s->top.get();
	uint32_t value = ~0u;

	t->s_axil_araddr = reg;
	t->s_axil_arvalid = 1;
	for (int i = 0; i < axil_limit; i++) {
		s->cycle();
		t->s_axil_arvalid = 0;
		if (t->s_axil_rvalid) {
			value = t->s_axil_rdata;
			break;
		}
	}
	s->cycle();
	return value;
}

void shim_write(mea_shim *s, uint32_t reg, uint32_t value)
{
	Vmea_accel *t = s->top.get();

	t->s_axil_awaddr = reg;
	t->s_axil_wdata = value;
	t->s_axil_wstrb = 15;
	t->s_axil_awvalid = t->s_axil_wvalid = 1;
	for (int i = 0; i < axil_limit; i++) {
		s->cycle();
		t->s_axil_awvalid = t->s_axil_wvalid = 0;
		if (t->s_axil_bvalid)
			break;
	}
	s->cycle();
}

bool shim_irq(mea_shim *s)
{
	return s->top->irq;
}

uint64_t shim_run(mea_shim *s, uint64_t limit)
{
	uint64_t start = s->now;

	while (!s->top->irq && s->now - start < limit)
		s->cycle();
	return s->now - start;
}

uint64_t shim_step(mea_shim *s, uint64_t limit)
{
	uint64_t start = s->now, rises = s->irq_rises;

	while (s->irq_rises == rises && s->now - start < limit)
		s->cycle();
	return s->now - start;
}

uint64_t shim_irq_rises(mea_shim *s)
{
	return s->irq_rises;
}

uint32_t shim_status(mea_shim *s)
{
	const Vmea_accel___024root *r = s->top->rootp; // public.vlt names these
	uint32_t bank0 = r->mea_accel__DOT__regs__DOT__state0;
	uint32_t bank1 = r->mea_accel__DOT__regs__DOT__state1;
	uint32_t resetting = r->mea_accel__DOT__regs__DOT__reset_request;
	uint32_t running = bank0 == MEA_STATE_RUNNING || bank1 == MEA_STATE_RUNNING;

	return running << MEA_STATUS_RUNNING_SHIFT | resetting << MEA_STATUS_RESETTING_SHIFT |
	       bank0 << MEA_STATUS_BANK0_SHIFT | bank1 << MEA_STATUS_BANK1_SHIFT;
}

void shim_watch(mea_shim *s, mea_sim_burst_fn *fn, void *arg)
{
	s->watcher = fn;
	s->watcher_arg = arg;
}

void shim_engines(mea_shim *s, mea_sim_engine_fn *fn, void *arg)
{
	s->engines.fn = fn;
	s->engines.arg = arg;
}

uint64_t shim_cycles(mea_shim *s)
{
	return s->now;
}

void shim_bus(mea_shim *s, mea_sim_bus *bus)
{
	*bus = s->seen;
}

void shim_bus_fault(mea_shim *s, uint64_t read_n, uint64_t write_n, bool hang)
{
	s->fail_read = read_n;
	s->fail_write = write_n;
	s->hang = hang;
}

} // namespace

extern "C" __attribute__((visibility("default"))) const struct mea_shim_ops mea_shim_ops = {
	MEA_SHIM_VERSION, MEA_SIM_CONFIG, shim_open,	shim_close,  shim_map,	shim_unmap,
	shim_read,	  shim_write,	  shim_irq,	shim_run,    shim_step, shim_irq_rises,
	shim_status,	  shim_watch,	  shim_engines, shim_cycles, shim_bus,	shim_bus_fault,
};
