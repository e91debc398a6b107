/* SPDX-License-Identifier: Apache-2.0 */
#include "summary/human.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define SECONDS_PER_MINUTE 60
#define SECONDS_PER_HOUR   3600
#define SECONDS_PER_DAY    86400

/*
 * Three digits: "4.1" (never "4.10"), "3.0" (never "3"), "12.3", "312". 999.5 and above is not
 * asked for.
 */
static struct human three_digits(double value, const char *unit)
{
	struct human human;
	size_t size;

	if (value < 9.995) {
		snprintf(human.text, sizeof(human.text), "%.2f", value);
		size = strlen(human.text);
		if (human.text[size - 1] == '0')
			human.text[--size] = '\0';
	} else {
		snprintf(human.text, sizeof(human.text), "%.*f", value < 99.95 ? 1 : 0, value);
		size = strlen(human.text);
	}
	snprintf(human.text + size, sizeof(human.text) - size, "%s", unit);
	return human;
}

static struct human two_units(uint64_t value, const char *large, uint64_t rest, const char *small)
{
	struct human human;

	snprintf(human.text, sizeof(human.text), "%llu%s%02llu%s", (unsigned long long)value, large,
		 (unsigned long long)rest, small);
	return human;
}

struct human human_ns(uint64_t ns, bool unicode)
{
	double value = (double)ns;
	struct human human;
	uint64_t s;

	if (ns < NS_PER_US) {
		snprintf(human.text, sizeof(human.text), "%uns", (unsigned int)ns);
		return human;
	}
	if (value / NS_PER_US < 999.5)
		return three_digits(value / NS_PER_US, unicode ? "µs" : "us");
	if (value / NS_PER_MS < 999.5)
		return three_digits(value / NS_PER_MS, "ms");
	if (value / NS_PER_S < 59.95)
		return three_digits(value / NS_PER_S, "s");
	s = ns / NS_PER_S + (ns % NS_PER_S >= NS_PER_S / 2);
	if (s < SECONDS_PER_HOUR)
		return two_units(s / SECONDS_PER_MINUTE, "m", s % SECONDS_PER_MINUTE, "s");
	if (s < SECONDS_PER_DAY)
		return two_units(s / SECONDS_PER_HOUR, "h",
				 s % SECONDS_PER_HOUR / SECONDS_PER_MINUTE, "m");
	return two_units(s / SECONDS_PER_DAY, "d", s % SECONDS_PER_DAY / SECONDS_PER_HOUR, "h");
}

struct human human_count(uint64_t count)
{
	static const char *const units[] = { "k", "M", "G", "T", "P", "E" };
	double value = (double)count;
	struct human human;
	size_t unit = 0;

	if (count < 1000)
		snprintf(human.text, sizeof(human.text), "%u", (unsigned int)count);
	else if (count < 10000)
		snprintf(human.text, sizeof(human.text), "%u,%03u", (unsigned int)(count / 1000),
			 (unsigned int)(count % 1000));
	if (count < 10000)
		return human;
	value /= 1000;
	while (value >= 999.5) {
		value /= 1000;
		unit++;
	}
	return three_digits(value, units[unit]);
}

struct human human_real(double value)
{
	if (!(value > 0))
		return human_count(0);
	if (value < 99.95)
		return three_digits(value, "");
	return human_count(value >= 0x1p64 ? UINT64_MAX : (uint64_t)llround(fmin(value, 9e18)));
}

struct human human_percent(double ratio)
{
	double percent = ratio * 100;
	struct human human;

	if (!isfinite(percent) || percent < 0)
		percent = 0;
	if (percent > 0 && percent < 0.05)
		snprintf(human.text, sizeof(human.text), "<0.1 %%");
	else
		snprintf(human.text, sizeof(human.text), "%.*f %%",
			 percent < 99.95 && percent > 0 ? 1 : 0, fmin(percent, 1e9));
	return human;
}

struct human human_change(double before, double after, bool unicode)
{
	const char *times = unicode ? "×" : "x";
	struct human human;
	double ratio;

	if (!(before > 0) || !(after > 0)) {
		snprintf(human.text, sizeof(human.text), "%s",
			 before > 0  ? "gone"
			 : after > 0 ? "new"
				     : "~");
		return human;
	}
	ratio = after / before;
	if (ratio >= 9.95)
		snprintf(human.text, sizeof(human.text), "%s%.16s", times, human_real(ratio).text);
	else if (ratio >= 2)
		snprintf(human.text, sizeof(human.text), "%s%.1f", times, ratio);
	else if (fabs(ratio - 1) < 0.01)
		snprintf(human.text, sizeof(human.text), "~");
	else
		snprintf(human.text, sizeof(human.text), "%+.0f %%", (ratio - 1) * 100);
	return human;
}
