#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The lint checks against small trees that break exactly one rule each: the broken one must be caught
# with its sentence, its sound neighbour must pass. Ends with a closing line.
#
#   tests/lint/selftest.sh
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
export PROJECT_CFLAGS='-std=gnu17 -D_GNU_SOURCE -Wall -Iagent -Iinclude'
export PROJECT_BPF_CFLAGS='-target bpf -Ibpf -Iinclude'
passed=0 failed=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# A tree that holds nothing but $1, whose contents come on standard input.
tree() {
	rm -rf "$scratch/tree"
	mkdir -p "$scratch/tree/$(dirname "$1")" "$scratch/tree/agent/base" "$scratch/tree/agent/hist"
	cp "$top/.clang-format" "$top/.clang-tidy" "$scratch/tree/"
	cp "$top/agent/base/err.h" "$top/agent/base/cleanup.h" "$scratch/tree/agent/base/"
	cp "$top/agent/hist/hist.h" "$scratch/tree/agent/hist/"
	mkdir -p "$scratch/tree/include"
	cp -R "$top/include/parkmeter" "$scratch/tree/include/"
	cat > "$scratch/tree/$1"
	chmod +x "$scratch/tree/$1"
	git init -q "$scratch/tree"
}

count() {
	if [ "$1" = ok ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "  FAILED  $2"
		sed 's/^/    /' "$scratch/answer"
	fi
}

# broken CHECK PATTERN PATH: the check fails on this file and says PATTERN.
broken() {
	tree "$3"
	if (cd "$scratch/tree" && "$here/run.sh" "$1") > "$scratch/answer" 2>&1; then
		count bad "$1 let pass: $2"
	elif grep -qE -- "$2" "$scratch/answer"; then
		count ok
	else
		count bad "$1 failed without saying: $2"
	fi
}

# sound CHECK PATH: the check passes this file.
sound() {
	tree "$2"
	if (cd "$scratch/tree" && "$here/run.sh" "$1") > "$scratch/answer" 2>&1; then
		count ok
	else
		count bad "$1 refused a sound $2"
	fi
}

# N copies of a line.
repeat() {
	yes "$2" | head -n "$1"
}

# ---- edges ----
broken edges 'base may not include hist' agent/base/low.c <<'END'
#include "hist/hist.h"
END
broken edges 'base may not include include/parkmeter' agent/base/low.c <<'END'
#include "parkmeter/wire.h"
END
broken edges 'private to gobin' agent/target/look.c <<'END'
#include "gobin/elf.h"
END
broken edges 'does not say its module' agent/hist/own.c <<'END'
#include "hist.h"
END
broken edges 'with quotes' agent/gobin/angle.c <<'END'
#include <base/err.h>
END
broken edges 'the BPF skeleton belongs to probe' agent/capture/skel.c <<'END'
#include "parkmeter.skel.h"
END
broken edges 'has no line in' agent/novel/novel.c <<'END'
int novel;
END
broken edges 'file name taken by' agent/gobin/hist.h <<'END'
END
sound edges agent/target/look.c <<'END'
#include "target/target.h"
#include "base/buf.h"
#include "gobin/gobin.h"
/* #include "capture/capture.h" */
END

# ---- headers ----
broken headers 'size_t' agent/hist/lone.h <<'END'
size_t lone_size(void);
END
broken headers 'redefinition' agent/hist/twice.h <<'END'
struct twice {
	int x;
};
END
sound headers agent/hist/lone.h <<'END'
#ifndef LONE_H
#define LONE_H
#include <stddef.h>
size_t lone_size(void);
#endif
END

# ---- names ----
broken names 'scan_all does not begin with' agent/target/target.h <<'END'
int scan_all(void);
END
broken names 'typedef of a struct' agent/target/look.c <<'END'
typedef struct look {
	int x;
} look_t;
END
broken names 'goto: use CLEANUP' agent/target/look.c <<'END'
int look(void)
{
	goto out;
out:
	return 0;
}
END
broken names 'call it ret_target' agent/target/target.h <<'END'
struct target;
int target_open(int pid, struct target **target);
END
broken names 'ret_count of target_count is no pointer' agent/target/target.h <<'END'
int target_count(int ret_count);
END
broken names 'struct err is not the last parameter' agent/target/target.h <<'END'
struct err;
int target_open(struct err *err, int pid);
END
broken names 'timeout has no unit' agent/target/target.h <<'END'
int target_wait(int pid, unsigned int timeout);
END
broken names 'interval has no unit' agent/target/target.h <<'END'
#include <stdint.h>
struct target {
	uint64_t interval;
};
END
broken names 'jumps backwards' bpf/loop.bpf.c <<'END'
int f(void)
{
again:
	if (f())
		goto again;
	return 0;
}
END
sound names agent/target/target.h <<'END'
#include <stdint.h>
struct err;
struct selector {
	uint64_t timeout_ns;
};
struct target;
void target_freep(struct target **target);
DEFINE_FREEP(struct target *, target_free)
int target_open(int pid, struct target **ret_target, struct err *err);
int selector_parse(int argc, char **argv, void (*found)(void *user, char **names));
END

# ---- sizes ----
{
	echo 'int f(void)'
	echo '{'
	repeat 67 '	f();'
	echo '	return 0;'
	echo '}'
} > "$scratch/lines"
broken sizes 'f has 71 lines' agent/hist/long.c < "$scratch/lines"
sed 3d "$scratch/lines" > "$scratch/lines70"
sound sizes agent/hist/long.c < "$scratch/lines70"
repeat 601 'int x;' > "$scratch/lines"
broken sizes '601 lines' agent/hist/long.c < "$scratch/lines"
broken sizes 'f nests 5 deep' agent/hist/deep.c <<'END'
int f(int x)
{
	for (;;)
		while (x)
			if (x)
				switch (x) {
				case 1:
					do
						x--;
					while (x);
				}
}
END
broken sizes 'f nests 5 deep' agent/hist/deep.c <<'END'
SEC("tp_btf/sched_switch")
int BPF_PROG(f, int x)
{
	int y = ({
		for (;;) {
			{
				{ { x++; } }
			}
		}
		x;
	});
}
END
sound sizes agent/hist/deep.c <<'END'
#define MANY if (a) { if (b) { if (c) { if (d) { if (e) { } } } } }
struct a { struct { struct { struct { struct { int x; } e; } d; } c; } b; };
static const struct a all = { { { { { { 1 } } } } } };
int f(int x)
{
	const char *text = "{ { { { { {"; /* { { { { { */
	char brace = '{';

	if (x == 1)
		return 1;
	else if (x == 2)
		return 2;
	else if (x == 3)
		return 3;
	else if (x == 4)
		return 4;
	else if (x == 5)
		for (;;)
			if (text[0] == brace)
				while (x)
					x--;
	return 0;
}
END
{
	echo '/* lint: sizes, a table of every case reads better in one piece */'
	echo 'int f(void)'
	echo '{'
	repeat 80 '	f();'
	echo '}'
} > "$scratch/lines"
sound sizes agent/hist/long.c < "$scratch/lines"

# ---- banned ----
for name in strcpy strcat sprintf gets strtok atoi alloca system popen; do
	broken banned "$name\\(\\): use" agent/hist/calls.c <<END
int f(void)
{
	return $name(0);
}
END
done
broken banned 'printf\(\): use struct err' agent/hist/calls.c <<'END'
void f(void)
{
	printf("x");
}
END
broken banned 'a module does not print' agent/hist/calls.c <<'END'
void f(void)
{
	fprintf(stderr, "x");
}
END
sound banned agent/cli/calls.c <<'END'
/* strcpy(a, b) */
void f(void)
{
	printf("strcpy(a, b)");
	session->system(0);
	my_strcpy(0);
}
END

# ---- format, tidy, shell, spdx, traces ----
broken format 'code should be clang-formatted' agent/hist/ugly.c <<'END'
int f( int x ){return x;}
END
sound format agent/hist/neat.c <<'END'
int f(int x)
{
	return x;
}
END
broken tidy 'clang-analyzer-core.NullDereference' agent/hist/risky.c <<'END'
int f(const int *x);
int f(const int *x)
{
	if (x)
		return 0;
	return *x;
}
END
sound tidy agent/hist/calm.c <<'END'
#include <string.h>
void f(char *text, size_t size);
void f(char *text, size_t size)
{
	memset(text, 0, size);
}
END
broken shell 'SC2086' tests/quote.sh <<'END'
#!/bin/sh
rm $1
END
broken shell 'SC2086' tests/without-suffix <<'END'
#!/usr/bin/env bash
rm $1
END
sound shell tests/quote.sh <<'END'
#!/bin/sh
rm "$1"
END
broken spdx 'no line with SPDX' agent/hist/bare.c <<'END'
int x;
END
sound spdx agent/hist/bare.c <<'END'
/* SPDX-License-Identifier: Apache-2.0 */
int x;
END
# The marks are put together here, so that this file does not hold them.
for mark in TO-DO FIX-ME XX-X; do
	broken traces 'unfinished' agent/hist/later.c <<END
/* $(echo "$mark" | tr -d -): the rest */
END
done
for folder in work root; do
	broken traces 'a path of one machine' tests/paths.sh <<END
cat /$folder/notes
END
done
sound traces tests/paths.sh <<'END'
mktemp /tmp/x.XXXXXX; ls tests/workloads "$folder/root/x" /proc/1/root/etc
END
host=$(python3 -c "
import sys
sys.path.insert(0, '$here')
import checks
print(next(iter(sorted(checks.registry_hosts())), ''))")
if [ -n "$host" ]; then
	broken traces "a registry's host" tests/paths.sh <<END
curl $host
END
fi

echo "lint self-test: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
