// SPDX-License-Identifier: Apache-2.0

// Waits is a synthetic service whose goroutines wait for known reasons, each in a function of its
// own, while a few others keep every processor busy.
//
// It prints READY, waits for a line on its standard input, runs for -for, ends every worker, and
// prints one line of JSON: how often each worker waited, by its own count, and what the runtime
// said about scheduling latencies. Then it waits until its input ends. Nothing but the main
// goroutine runs before that line and after that JSON, so that whoever observes from outside may
// open the window earlier and close it later. -trace has Go's own tracer cover just that interval.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/metrics"
	"runtime/trace"
	"time"
)

const latencyMetric = "/sched/latencies:seconds"

type latencies struct {
	Sampled uint64  `json:"sampled"` // one goroutine in eight
	P50     float64 `json:"p50_seconds"`
	P99     float64 `json:"p99_seconds"`
}

type answer struct {
	Go        string            `json:"go"`
	Seconds   float64           `json:"seconds"`
	Waits     map[string]uint64 `json:"waits"`
	Created   uint64            `json:"created"`
	GCCycles  uint32            `json:"gc_cycles"`
	Latencies *latencies        `json:"latencies,omitempty"`
}

func main() {
	duration := flag.Duration("for", 3*time.Second, "how long the workers run")
	procs := flag.Int("procs", 2, "GOMAXPROCS")
	traceFile := flag.String("trace", "", "write an execution trace of the interval to this file")
	flag.Parse()
	runtime.GOMAXPROCS(*procs)
	// The clean-up of what the program's start left behind belongs before the interval.
	runtime.GC()

	input := bufio.NewReader(os.Stdin)
	fmt.Println("READY")
	if _, err := input.ReadString('\n'); err != nil {
		fail(err)
	}
	result, err := measure(*duration, *traceFile)
	if err != nil {
		fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		fail(err)
	}
	for err == nil {
		_, err = input.ReadString('\n')
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "waits:", err)
	os.Exit(1)
}

func measure(duration time.Duration, traceFile string) (*answer, error) {
	var before, after runtime.MemStats

	workers, err := newWorkers()
	if err != nil {
		return nil, err
	}
	runtime.ReadMemStats(&before)
	histBefore := readLatencies()
	if traceFile != "" {
		file, err := os.Create(traceFile)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		if err := trace.Start(file); err != nil {
			return nil, err
		}
	}
	start := time.Now()
	workers.run(duration)
	seconds := time.Since(start).Seconds()
	if traceFile != "" {
		trace.Stop()
	}
	runtime.ReadMemStats(&after)
	result := &answer{
		Go:        runtime.Version(),
		Seconds:   seconds,
		Waits:     workers.counts(),
		Created:   workers.created.Load(),
		GCCycles:  after.NumGC - before.NumGC,
		Latencies: difference(histBefore, readLatencies()),
	}
	return result, nil
}

func readLatencies() *metrics.Float64Histogram {
	sample := []metrics.Sample{{Name: latencyMetric}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindFloat64Histogram {
		return nil
	}
	return sample[0].Value.Float64Histogram()
}

func difference(before, after *metrics.Float64Histogram) *latencies {
	if before == nil || after == nil {
		return nil
	}
	counts := make([]uint64, len(after.Counts))
	var total uint64
	for i := range counts {
		counts[i] = after.Counts[i] - before.Counts[i]
		total += counts[i]
	}
	return &latencies{
		Sampled: total,
		P50:     quantile(counts, after.Buckets, total, 0.50),
		P99:     quantile(counts, after.Buckets, total, 0.99),
	}
}

// quantile is the upper border of the bucket in which the quantile lies.
func quantile(counts []uint64, borders []float64, total uint64, q float64) float64 {
	var seen uint64
	for i, count := range counts {
		seen += count
		if total > 0 && float64(seen) >= q*float64(total) && !math.IsInf(borders[i+1], 0) {
			return borders[i+1]
		}
	}
	return 0
}
