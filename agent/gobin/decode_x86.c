/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86-64. Linux emulates (arch/x86/kernel/uprobes.c, branch_setup_xol_ops and push_setup_xol_ops,
 * 4.16 and later): nop, jmp, call and the conditional jumps without an operand-size prefix, and
 * `push` of one register, either the one-byte form or with the REX prefix 41. Longer nops, `cmp`,
 * `sub`, `mov` and `lea` are single-stepped.
 *
 * Go's functions begin in one of these ways (disassembled for 1.19 to 1.27):
 *
 *   cmp 0x10(%r14),%rsp; jbe; push %rbp ...                     from 1.21 on
 *   cmp 0x10(%r14),%rsp; jbe; sub $n,%rsp ...                   to 1.20
 *   lea -n(%rsp),%r12; cmp 0x10(%r14),%r12; jbe; ...            large frames
 *   push %rbp ...                                               no stack check, from 1.21 on
 *
 * The push behind the stack check is taken where there is one: a function whose stack had to grow
 * starts again from its first byte and passes the jbe twice. Where there is none, it is the jbe:
 * all functions that are probed run on the system stack, which never grows.
 */
#include <capstone/capstone.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "gobin/decode.h"

#define PROLOGUE_MAX 24 /* instructions from the entry that are looked at */
#define SLOTS_MAX    4  /* stack slots that hold a followed value */
#define WORDS_MAX    32 /* different variables of a function */

struct decoder {
	csh handle;
	cs_insn *insn; /* owned */
	const uint8_t *at;
	size_t left;
	uint64_t address;
};

static void decoder_release(struct decoder *decoder)
{
	if (decoder->insn)
		cs_free(decoder->insn, 1);
	if (decoder->handle)
		cs_close(&decoder->handle);
}

static int decoder_init(struct decoder *decoder, const struct decode_code *code)
{
	*decoder =
		(struct decoder){ .at = code->bytes, .left = code->size, .address = code->address };
	if (cs_open(CS_ARCH_X86, CS_MODE_64, &decoder->handle) != CS_ERR_OK) {
		decoder->handle = 0;
		return -ENOMEM;
	}
	cs_option(decoder->handle, CS_OPT_DETAIL, CS_OPT_ON);
	decoder->insn = cs_malloc(decoder->handle);
	return decoder->insn ? 0 : -ENOMEM;
}

static const cs_insn *decoder_next(struct decoder *decoder)
{
	if (!cs_disasm_iter(decoder->handle, &decoder->at, &decoder->left, &decoder->address,
			    decoder->insn))
		return NULL;
	return decoder->insn;
}

static int refuse(char reason[DECODE_REASON_MAX], const char *text)
{
	snprintf(reason, DECODE_REASON_MAX, "%s", text);
	return -ENOENT;
}

static void take_site(const cs_insn *insn, struct decode_site *ret_site)
{
	ret_site->address = insn->address;
	snprintf(ret_site->text, sizeof(ret_site->text), "%.15s%s%.31s", insn->mnemonic,
		 insn->op_str[0] ? " " : "", insn->op_str);
}

/* ---- instructions ---- */

static bool is_jcc(const cs_insn *insn)
{
	return (insn->bytes[0] & 0xf0) == 0x70 ||
	       (insn->bytes[0] == 0x0f && (insn->bytes[1] & 0xf0) == 0x80);
}

static bool is_push(const cs_insn *insn)
{
	const uint8_t *bytes = insn->bytes;

	if (insn->size == 1)
		return (bytes[0] & 0xf8) == 0x50;
	return insn->size == 2 && bytes[0] == 0x41 && (bytes[1] & 0xf8) == 0x50;
}

static bool is_nop(const cs_insn *insn)
{
	return (insn->size == 1 && insn->bytes[0] == 0x90) ||
	       (insn->size == 2 && insn->bytes[0] == 0x66 && insn->bytes[1] == 0x90);
}

static bool is_emulated(const cs_insn *insn)
{
	return is_nop(insn) || is_push(insn) || is_jcc(insn) || insn->bytes[0] == 0xe8 ||
	       insn->bytes[0] == 0xe9 || insn->bytes[0] == 0xeb;
}

/* The target of a direct jump or call, from its bytes; 0 when it is none. */
static uint64_t branch_target(const cs_insn *insn)
{
	uint64_t next = insn->address + insn->size;
	const uint8_t *bytes = insn->bytes;
	int32_t wide;

	if (insn->size == 2 && ((bytes[0] & 0xf0) == 0x70 || bytes[0] == 0xeb))
		return next + (uint64_t)(int64_t)(int8_t)bytes[1];
	if ((insn->size == 5 && (bytes[0] == 0xe8 || bytes[0] == 0xe9)) ||
	    (insn->size == 6 && bytes[0] == 0x0f && (bytes[1] & 0xf0) == 0x80)) {
		memcpy(&wide, bytes + insn->size - 4, sizeof(wide));
		return next + (uint64_t)(int64_t)wide;
	}
	return 0;
}

static bool is_call_of(const cs_insn *insn, uint64_t address)
{
	return insn->bytes[0] == 0xe8 && branch_target(insn) == address;
}

/* ---- registers: one bit for each of the 16, whatever part of it is meant ---- */

enum reg_bit {
	BIT_AX = 1 << 0,
	BIT_BX = 1 << 1,
	BIT_CX = 1 << 2,
	BIT_DI = 1 << 3,
	BIT_SI = 1 << 4,
	BIT_R8 = 1 << 5,
	BIT_SP = 1 << 6,
	BIT_R12 = 1 << 7,
	BIT_R14 = 1 << 8,
	BIT_DX = 1 << 9,
	BIT_OTHER = 1 << 10,
};

static unsigned int reg_bit(unsigned int reg)
{
	switch (reg) {
	case X86_REG_RAX:
	case X86_REG_EAX:
	case X86_REG_AX:
	case X86_REG_AL:
	case X86_REG_AH:
		return BIT_AX;
	case X86_REG_RBX:
	case X86_REG_EBX:
	case X86_REG_BX:
	case X86_REG_BL:
	case X86_REG_BH:
		return BIT_BX;
	case X86_REG_RCX:
	case X86_REG_ECX:
	case X86_REG_CX:
	case X86_REG_CL:
	case X86_REG_CH:
		return BIT_CX;
	case X86_REG_RDX:
	case X86_REG_EDX:
	case X86_REG_DX:
	case X86_REG_DL:
	case X86_REG_DH:
		return BIT_DX;
	case X86_REG_RDI:
	case X86_REG_EDI:
	case X86_REG_DI:
	case X86_REG_DIL:
		return BIT_DI;
	case X86_REG_RSI:
	case X86_REG_ESI:
	case X86_REG_SI:
	case X86_REG_SIL:
		return BIT_SI;
	case X86_REG_R8:
	case X86_REG_R8D:
	case X86_REG_R8W:
	case X86_REG_R8B:
		return BIT_R8;
	case X86_REG_RSP:
	case X86_REG_ESP:
	case X86_REG_SP:
	case X86_REG_SPL:
		return BIT_SP;
	case X86_REG_R12:
	case X86_REG_R12D:
		return BIT_R12;
	case X86_REG_R14:
	case X86_REG_R14D:
		return BIT_R14;
	default:
		return BIT_OTHER;
	}
}

/* Go's ABIInternal: AX, BX, CX, DI, SI, R8 (src/cmd/compile/abi-internal.md, Go >= 1.17). */
static unsigned int arg_bits(unsigned int args)
{
	return args & (BIT_AX | BIT_BX | BIT_CX | BIT_DI | BIT_SI | BIT_R8);
}

/* The registers that an instruction writes. All of them when capstone cannot tell. */
static unsigned int written(const struct decoder *decoder, const cs_insn *insn)
{
	cs_regs reads, writes;
	uint8_t read_count, write_count;
	unsigned int bits = 0;

	if (cs_regs_access(decoder->handle, insn, reads, &read_count, writes, &write_count) !=
	    CS_ERR_OK)
		return ~0U;
	for (uint8_t i = 0; i < write_count; i++)
		bits |= reg_bit(writes[i]);
	return bits;
}

/* ---- a function's entry ---- */

/* cmp 0x10(%r14),%rsp, also with 0x18 (no stack guard) and with %r12 in large frames. */
static bool is_stack_compare(const cs_insn *insn)
{
	const cs_x86 *x86 = &insn->detail->x86;

	if (insn->id != X86_INS_CMP || x86->op_count != 2)
		return false;
	return x86->operands[0].type == X86_OP_REG && x86->operands[1].type == X86_OP_MEM &&
	       (x86->operands[0].reg == X86_REG_RSP || x86->operands[0].reg == X86_REG_R12) &&
	       x86->operands[1].mem.base == X86_REG_R14;
}

/* True when nothing in the function jumps behind its entry up to the site: it runs once a call. */
static bool runs_once(const struct decode_code *code, uint64_t site)
{
	CLEANUP(decoder_release) struct decoder decoder = { 0 };
	const cs_insn *insn;

	if (decoder_init(&decoder, code) < 0)
		return false;
	cs_option(decoder.handle, CS_OPT_DETAIL, CS_OPT_OFF);
	while ((insn = decoder_next(&decoder))) {
		uint64_t target = insn->bytes[0] == 0xe8 ? 0 : branch_target(insn);

		if (target > code->address && target <= site)
			return false;
	}
	return true;
}

struct prologue {
	bool compared;            /* the last instruction was the stack check's comparison */
	bool checked;             /* the stack check is behind us */
	struct decode_site check; /* its conditional jump, when `checked` */
	struct decode_site site;  /* what was found */
	bool found;
};

/* One instruction of the prologue; false ends the walk. */
static bool prologue_step(struct prologue *prologue, const struct decoder *decoder,
			  const cs_insn *insn, unsigned int forbidden)
{
	unsigned int bits;

	if (prologue->compared && is_jcc(insn)) {
		prologue->compared = false;
		prologue->checked = true;
		take_site(insn, &prologue->check);
		return true;
	}
	prologue->compared = is_stack_compare(insn);
	if (is_emulated(insn)) {
		/* Behind a stack check only what comes before the frame is better than the check.
		 */
		take_site(insn, &prologue->site);
		prologue->found = true;
		return false;
	}
	bits = written(decoder, insn);
	return !(bits & forbidden) && !(prologue->checked && bits & BIT_SP);
}

int decode_x86_entry(const struct decode_code *code, unsigned int args, bool return_address,
		     struct decode_site *ret_site, char reason[DECODE_REASON_MAX])
{
	CLEANUP(decoder_release) struct decoder decoder = { 0 };
	unsigned int forbidden = arg_bits(args) | (return_address ? BIT_SP : 0);
	struct prologue prologue = { 0 };
	const cs_insn *insn;

	if (decoder_init(&decoder, code) < 0)
		return refuse(reason, "out of memory while decoding");
	for (int i = 0; i < PROLOGUE_MAX; i++) {
		insn = decoder_next(&decoder);
		if (!insn || !prologue_step(&prologue, &decoder, insn, forbidden))
			break;
	}
	if (prologue.found && !runs_once(code, prologue.site.address))
		prologue.found = false;
	if (!prologue.found && prologue.checked && runs_once(code, prologue.check.address)) {
		prologue.site = prologue.check;
		prologue.found = true;
	}
	if (!prologue.found)
		return refuse(reason, "none of its first instructions is one that the kernel "
				      "emulates while the arguments are still in place");
	*ret_site = prologue.site;
	return 0;
}

/* ---- from one call to another ---- */

/* Where a followed value is. */
struct holders {
	unsigned int regs;
	int64_t slots[SLOTS_MAX]; /* offsets from the stack pointer */
	unsigned int slot_count;
};

static bool slot_of(const cs_x86_op *operand, int64_t *ret_slot)
{
	if (operand->type != X86_OP_MEM || operand->mem.base != X86_REG_RSP ||
	    operand->mem.index != X86_REG_INVALID || operand->size != 8)
		return false;
	*ret_slot = operand->mem.disp;
	return true;
}

static bool holds(const struct holders *holders, const cs_x86_op *operand)
{
	int64_t slot;

	if (operand->type == X86_OP_REG)
		return operand->size == 8 && (holders->regs & reg_bit(operand->reg));
	if (!slot_of(operand, &slot))
		return false;
	for (unsigned int i = 0; i < holders->slot_count; i++)
		if (holders->slots[i] == slot)
			return true;
	return false;
}

static void holders_add(struct holders *holders, const cs_x86_op *operand)
{
	int64_t slot;

	if (operand->type == X86_OP_REG)
		holders->regs |= reg_bit(operand->reg) & ~(unsigned int)BIT_OTHER;
	else if (slot_of(operand, &slot) && holders->slot_count < SLOTS_MAX)
		holders->slots[holders->slot_count++] = slot;
}

/* Follows the value over one instruction. Any other write to memory forgets the slots. */
static void holders_step(struct holders *holders, const struct decoder *decoder,
			 const cs_insn *insn)
{
	const cs_x86 *x86 = &insn->detail->x86;
	bool copies = insn->id == X86_INS_MOV && x86->op_count == 2 &&
		      holds(holders, &x86->operands[1]);

	holders->regs &= ~written(decoder, insn);
	if (insn->bytes[0] == 0xe8)
		holders->regs = 0; /* Go's calls keep no register */
	if (x86->op_count > 0 && x86->operands[0].type == X86_OP_MEM &&
	    (x86->operands[0].access & CS_AC_WRITE) && !copies)
		holders->slot_count = 0;
	if (copies)
		holders_add(holders, &x86->operands[0]);
}

int decode_x86_handover(const struct decode_code *code, uint64_t producer, uint64_t consumer,
			struct decode_site *ret_site, char reason[DECODE_REASON_MAX])
{
	CLEANUP(decoder_release) struct decoder decoder = { 0 };
	struct holders holders = { 0 };
	struct decode_site site = { 0 };
	unsigned int produced = 0, consumed = 0;
	bool handed_over = false;
	const cs_insn *insn;

	if (decoder_init(&decoder, code) < 0)
		return refuse(reason, "out of memory while decoding");
	while ((insn = decoder_next(&decoder))) {
		if (is_call_of(insn, consumer)) {
			consumed++;
			handed_over = holders.regs & BIT_BX;
			take_site(insn, &site);
		}
		holders_step(&holders, &decoder, insn);
		if (is_call_of(insn, producer)) {
			produced++;
			holders = (struct holders){ .regs = BIT_AX };
		} else if (branch_target(insn) && insn->bytes[0] != 0xe8) {
			holders = (struct holders){ 0 }; /* followed along straight lines only */
		}
	}
	if (produced != 1 || consumed != 1)
		return refuse(reason, "it does not call newproc1 and runqput exactly once each");
	if (!handed_over)
		return refuse(reason, "the new goroutine is not seen to reach runqput's argument");
	*ret_site = site;
	return 0;
}

bool decode_x86_calls(const struct decode_code *code, uint64_t address)
{
	CLEANUP(decoder_release) struct decoder decoder = { 0 };
	const cs_insn *insn;

	if (decoder_init(&decoder, code) < 0)
		return false;
	cs_option(decoder.handle, CS_OPT_DETAIL, CS_OPT_OFF);
	while ((insn = decoder_next(&decoder)))
		if (is_call_of(insn, address))
			return true;
	return false;
}

/* ---- a function's variables ---- */

/* Words at fixed addresses that the code reads or writes. */
struct words {
	uint64_t addresses[WORDS_MAX];
	size_t count;
};

static bool words_have(const struct words *words, uint64_t address)
{
	for (size_t i = 0; i < words->count; i++) {
		if (words->addresses[i] == address)
			return true;
	}
	return false;
}

static void words_add(struct words *words, const cs_insn *insn)
{
	const cs_x86 *x86 = &insn->detail->x86;

	for (uint8_t i = 0; i < x86->op_count && insn->id != X86_INS_LEA; i++) {
		const cs_x86_op *operand = &x86->operands[i];
		uint64_t address = insn->address + insn->size + (uint64_t)operand->mem.disp;

		if (operand->type == X86_OP_MEM && operand->mem.base == X86_REG_RIP &&
		    operand->size == 8 && words->count < WORDS_MAX && !words_have(words, address))
			words->addresses[words->count++] = address;
	}
}

uint64_t decode_x86_slice(const struct decode_code *code)
{
	CLEANUP(decoder_release) struct decoder decoder = { 0 };
	struct words words = { .count = 0 };
	uint64_t slice = 0;
	const cs_insn *insn;

	if (decoder_init(&decoder, code) < 0)
		return 0;
	while ((insn = decoder_next(&decoder)))
		words_add(&words, insn);
	for (size_t i = 0; i < words.count; i++) {
		uint64_t first = words.addresses[i];

		if (!words_have(&words, first + 8) || !words_have(&words, first + 16))
			continue;
		if (slice)
			return 0;
		slice = first;
	}
	return slice;
}
