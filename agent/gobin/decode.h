/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Choosing an instruction to probe. The kernel emulates some instructions and single-steps the
 * others out of line, which costs a second trap, in a virtual machine an exit as well: 0.85 µs
 * against 12 µs a hit. So a site is the first emulable instruction at which everything that the
 * probe reads is still where the caller put it, and that is executed once a call.
 *
 * decode_*() dispatch on the machine; each machine has a file of its own.
 */
#ifndef PARKMETER_GOBIN_DECODE_H
#define PARKMETER_GOBIN_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DECODE_CODE_MAX 8192 /* bytes of one function that are looked at */

/* Arguments by position in Go's register ABI, as bits. */
#define DECODE_ARG(position) (1U << (position))

/* A function's instructions; borrowed. */
struct decode_code {
	const uint8_t *bytes;
	size_t size;
	uint64_t address;
	uint16_t machine; /* EM_* */
};

struct decode_site {
	uint64_t address;
	char text[48];
};

#define DECODE_REASON_MAX 120

/*
 * The site for a function's entry: `args` are still in their registers there, and with
 * `return_address` the stack pointer still points to the return address. 0, or -ENOENT with a
 * sentence in `reason`.
 */
int decode_entry(const struct decode_code *code, unsigned int args, bool return_address,
		 struct decode_site *ret_site, char reason[DECODE_REASON_MAX]);

/*
 * The call of `consumer` that hands the result of the call of `producer` on as its second argument.
 * 0, or -ENOENT with a sentence in `reason`.
 */
int decode_handover(const struct decode_code *code, uint64_t producer, uint64_t consumer,
		    struct decode_site *ret_site, char reason[DECODE_REASON_MAX]);

/* True when the code calls `address` directly. */
bool decode_calls(const struct decode_code *code, uint64_t address);

/*
 * The only variable of which the code reads or writes three words in a row: a slice. 0 when there
 * is none, or more than one.
 */
uint64_t decode_slice(const struct decode_code *code);

int decode_x86_entry(const struct decode_code *code, unsigned int args, bool return_address,
		     struct decode_site *ret_site, char reason[DECODE_REASON_MAX]);
int decode_x86_handover(const struct decode_code *code, uint64_t producer, uint64_t consumer,
			struct decode_site *ret_site, char reason[DECODE_REASON_MAX]);
bool decode_x86_calls(const struct decode_code *code, uint64_t address);
uint64_t decode_x86_slice(const struct decode_code *code);

#endif
