/* SPDX-License-Identifier: Apache-2.0 */
#include "gobin/decode.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>

static int unsupported(char reason[DECODE_REASON_MAX])
{
	snprintf(reason, DECODE_REASON_MAX,
		 "probe sites are chosen on x86-64 only; use the lenses peek, kernel or trace");
	return -ENOENT;
}

int decode_entry(const struct decode_code *code, unsigned int args, bool return_address,
		 struct decode_site *ret_site, char reason[DECODE_REASON_MAX])
{
	if (code->machine != EM_X86_64)
		return unsupported(reason);
	return decode_x86_entry(code, args, return_address, ret_site, reason);
}

int decode_handover(const struct decode_code *code, uint64_t producer, uint64_t consumer,
		    struct decode_site *ret_site, char reason[DECODE_REASON_MAX])
{
	if (code->machine != EM_X86_64)
		return unsupported(reason);
	return decode_x86_handover(code, producer, consumer, ret_site, reason);
}

bool decode_calls(const struct decode_code *code, uint64_t address)
{
	return code->machine == EM_X86_64 && decode_x86_calls(code, address);
}

uint64_t decode_slice(const struct decode_code *code)
{
	return code->machine == EM_X86_64 ? decode_x86_slice(code) : 0;
}
