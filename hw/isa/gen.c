// SPDX-License-Identifier: Apache-2.0
/*
 * Writes the C header (argument "c"), the Verilog header ("v") or the Markdown
 * tables ("md") of isa.def to standard output; with "ctest" and "vtest" a C and a
 * Verilog program that use the headers and must print the same.
 */
#include <stdio.h>
#include <string.h>

enum kind { CONST_, REG_, BANKREG_, BITS_, FIELD_, OPCODE_, FAULT_, STATE_, COUNTER_, RECORD_ };

struct entry {
	enum kind kind;
	const char *group, *name, *access;
	unsigned value, lsb, width;
	const char *text;
};

static const struct entry entries[] = {
#define CONST(n, v, t)		 {CONST_, "", #n, "", v, 0, 0, t},
#define REG(n, o, a, t)		 {REG_, "", #n, #a, o, 0, 0, t},
#define BANKREG(n, o, a, t)	 {BANKREG_, "", #n, #a, o, 0, 0, t},
#define BITS(r, n, l, w, t)	 {BITS_, #r, #n, "", 0, l, w, t},
#define FIELD(c, n, wd, l, w, t) {FIELD_, #c, #n, "", wd, l, w, t},
#define OPCODE(n, v, t)		 {OPCODE_, "OP", #n, "", v, 0, 0, t},
#define FAULT(n, v, t)		 {FAULT_, "FAULT", #n, "", v, 0, 0, t},
#define STATE(n, v, t)		 {STATE_, "STATE", #n, "", v, 0, 0, t},
#define COUNTER(n, v, t)	 {COUNTER_, "COUNT", #n, "", v, 0, 0, t},
#define RECORD(n, v, t)		 {RECORD_, "REC", #n, "", v, 0, 0, t},
#include "isa.def"
};

#define N (sizeof(entries) / sizeof(entries[0]))

static void c_entry(const struct entry *e)
{
	switch (e->kind) {
	case CONST_:
		printf("#define MEA_%s 0x%xu\n", e->name, e->value);
		break;
	case REG_:
		printf("#define MEA_REG_%s 0x%03xu\n", e->name, e->value);
		break;
	case BANKREG_:
		printf("#define MEA_BANK_%s 0x%02xu\n", e->name, e->value);
		break;
	case BITS_:
		printf("#define MEA_%s_%s_SHIFT %u\n", e->group, e->name, e->lsb);
		printf("#define MEA_%s_%s_MASK 0x%xu\n", e->group, e->name,
		       (e->width == 32 ? 0xffffffffu : (1u << e->width) - 1) << e->lsb);
		break;
	case FIELD_:
		printf("#define MEA_F_%s_%s MEA_FIELD(%u, %u, %u)\n", e->group, e->name, e->value,
		       e->lsb, e->width);
		break;
	default:
		printf("#define MEA_%s_%s %u\n", e->group, e->name, e->value);
	}
}

static void v_entry(const struct entry *e)
{
	switch (e->kind) {
	case CONST_:
		printf("`define MEA_%s 32'h%x\n", e->name, e->value);
		break;
	case REG_:
		printf("`define MEA_REG_%s 12'h%03x\n", e->name, e->value);
		break;
	case BANKREG_:
		printf("`define MEA_BANK_%s 8'h%02x\n", e->name, e->value);
		break;
	case BITS_:
		printf("`define MEA_%s_%s %u:%u\n", e->group, e->name, e->lsb + e->width - 1,
		       e->lsb);
		break;
	case FIELD_:
		printf("`define MEA_F_%s_%s %u:%u\n", e->group, e->name,
		       e->value * 32 + e->lsb + e->width - 1, e->value * 32 + e->lsb);
		break;
	case OPCODE_:
		printf("`define MEA_%s_%s 4'd%u\n", e->group, e->name, e->value);
		break;
	case FAULT_:
		printf("`define MEA_%s_%s 8'd%u\n", e->group, e->name, e->value);
		break;
	case STATE_:
		printf("`define MEA_%s_%s 2'd%u\n", e->group, e->name, e->value);
		break;
	default:
		printf("`define MEA_%s_%s %u\n", e->group, e->name, e->value);
	}
}

static void md_table(const char *title, const char *head, enum kind a, const char *group)
{
	printf("\n### %s\n\n%s\n", title, head);
	for (size_t i = 0; i < N; i++) {
		const struct entry *e = &entries[i];

		if (e->kind != a || (group && strcmp(group, e->group)))
			continue;
		if (a == REG_ || a == BANKREG_) {
			printf("| `%s` | 0x%02x | %s | %s |\n", e->name, e->value, e->access,
			       e->text);
			for (size_t k = i + 1; k < N && entries[k].kind == BITS_; k++)
				printf("| `.%s` | bits %u:%u | | %s |\n", entries[k].name,
				       entries[k].lsb + entries[k].width - 1, entries[k].lsb,
				       entries[k].text);
		} else if (a == FIELD_) {
			printf("| `%s` | %u | %u:%u | %s |\n", e->name, e->value,
			       e->lsb + e->width - 1, e->lsb, e->text);
		} else {
			printf("| `%s` | %s%x | %s |\n", e->name, e->value > 9 ? "0x" : "",
			       e->value, e->text);
		}
	}
}

static void markdown(void)
{
	static const char *three = "| name | value | meaning |\n|---|---|---|";
	static const char *reg = "| register | offset | access | meaning |\n|---|---|---|---|";
	static const char *fld = "| field | word | bits | meaning |\n|---|---|---|---|";

	md_table("Constants", three, CONST_, NULL);
	md_table("Global registers", reg, REG_, NULL);
	md_table("Registers of a job bank", reg, BANKREG_, NULL);
	md_table("Bank states", three, STATE_, NULL);
	md_table("Fault causes", three, FAULT_, NULL);
	md_table("Opcodes", three, OPCODE_, NULL);
	md_table("Fields of every command", fld, FIELD_, "CMD");
	md_table("LOAD", fld, FIELD_, "LOAD");
	md_table("STORE and SNAP", fld, FIELD_, "STORE");
	md_table("CONV and POOL", fld, FIELD_, "CONV");
	md_table("Counter classes", three, COUNTER_, NULL);
	md_table("Completion record (32-bit words)", three, RECORD_, NULL);
}

/* Fields and bits are shown by what they select of a pattern without repetition. */
#define PATTERN(word) (0x9e3779b9u * ((word) + 1))

static void c_test(void)
{
	printf("#include <stdio.h>\n#include \"mea_isa.h\"\n"
	       "#define P(w) (0x9e3779b9u * ((w) + 1))\n"
	       "#define F(f) (P((f) >> 16) >> ((f) >> 8 & 255) & "
	       "(((f) & 255) == 32 ? ~0u : (1u << ((f) & 255)) - 1))\n"
	       "int main(void)\n{\n");
	for (size_t i = 0; i < N; i++) {
		const struct entry *e = &entries[i];
		const char *sep = *e->group ? "_" : "";

		printf("\tprintf(\"%s%s%s %%u\\n\", ", e->group, sep, e->name);
		if (e->kind == BITS_)
			printf("(P(0) & MEA_%s_%s_MASK) >> MEA_%s_%s_SHIFT", e->group, e->name,
			       e->group, e->name);
		else if (e->kind == FIELD_)
			printf("F(MEA_F_%s_%s)", e->group, e->name);
		else
			printf("(unsigned)MEA_%s%s%s",
			       e->kind == REG_	     ? "REG_"
			       : e->kind == BANKREG_ ? "BANK_"
						     : e->group,
			       sep, e->name);
		printf(");\n");
	}
	printf("\treturn 0;\n}\n");
}

static void v_test(void)
{
	printf("`include \"mea_isa.vh\"\nmodule isa_test;\n\treg [511:0] p;\n"
	       "\treg [31:0] v;\n\tinitial begin\n");
	for (unsigned w = 0; w < 16; w++)
		printf("\t\tp[%u +: 32] = 32'h%x;\n", w * 32, PATTERN(w));
	for (size_t i = 0; i < N; i++) {
		const struct entry *e = &entries[i];
		const char *sep = *e->group ? "_" : "";

		if (e->kind == BITS_ || e->kind == FIELD_)
			printf("\t\tv = p[`MEA_%s%s_%s];", e->kind == FIELD_ ? "F_" : "", e->group,
			       e->name);
		else
			printf("\t\tv = `MEA_%s%s%s;",
			       e->kind == REG_	     ? "REG_"
			       : e->kind == BANKREG_ ? "BANK_"
						     : e->group,
			       sep, e->name);
		printf(" $display(\"%s%s%s %%0d\", v);\n", e->group, sep, e->name);
	}
	printf("\tend\nendmodule\n");
}

int main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";

	if (!strcmp(what, "md")) {
		markdown();
		return 0;
	}
	if (!strcmp(what, "ctest")) {
		c_test();
		return 0;
	}
	if (!strcmp(what, "vtest")) {
		v_test();
		return 0;
	}
	if (strcmp(what, "c") && strcmp(what, "v")) {
		fprintf(stderr, "usage: gen c|v|md|ctest|vtest\n");
		return 2;
	}
	if (*what == 'c')
		printf("/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR "
		       "Apache-2.0 */\n/* Made by gen.c from isa.def: change that, then `make "
		       "isa`. */\n"
		       "#ifndef MEA_ISA_H\n#define MEA_ISA_H\n\n"
		       "/* word << 16 | lsb << 8 | width, in a command of sixteen 32-bit words */\n"
		       "#define MEA_FIELD(word, lsb, width) ((word) << 16 | (lsb) << 8 | "
		       "(width))\n\n");
	else
		printf("// SPDX-License-Identifier: Apache-2.0\n"
		       "// Made by gen.c from isa.def: change that, then `make isa`.\n"
		       "`ifndef MEA_ISA_VH\n`define MEA_ISA_VH\n\n");
	for (size_t i = 0; i < N; i++)
		(*what == 'c' ? c_entry : v_entry)(&entries[i]);
	printf(*what == 'c' ? "\n#endif\n" : "\n`endif\n");
	return 0;
}
