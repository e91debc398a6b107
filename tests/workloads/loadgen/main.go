// SPDX-License-Identifier: Apache-2.0

// Loadgen sends HTTP requests at a fixed rate, whether answers come or not (an open loop: a slow
// server gets no rest). The address stands in a file that is read again when it changes, so that a
// deployment can move the load from one server to the next.
//
// It prints a line a second: the time since its start, the server's address, p50 and p95 of the
// answers of that second, errors, and requests on their way. It ends with its input; the last line
// is JSON, with the totals by address.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type answer struct {
	address string
	latency time.Duration
	failed  bool
}

// totals are the answers of one server.
type totals struct {
	Answers   int     `json:"answers"`
	Errors    int     `json:"errors"`
	P50       float64 `json:"p50_seconds"`
	P95       float64 `json:"p95_seconds"`
	latencies []time.Duration
}

// report collects answers; those of the current second are kept apart.
type report struct {
	mutex   sync.Mutex
	second  totals
	servers map[string]*totals
}

func (t *totals) add(a answer) {
	t.Answers++
	if a.failed {
		t.Errors++
	}
	t.latencies = append(t.latencies, a.latency)
}

func (t *totals) finish() {
	sort.Slice(t.latencies, func(i, j int) bool { return t.latencies[i] < t.latencies[j] })
	t.P50, t.P95 = quantile(t.latencies, 0.50), quantile(t.latencies, 0.95)
}

func quantile(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(q*float64(len(sorted)-1))].Seconds()
}

func (r *report) add(a answer) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.second.add(a)
	if r.servers[a.address] == nil {
		r.servers[a.address] = &totals{}
	}
	r.servers[a.address].add(a)
}

func (r *report) takeSecond() totals {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	second := r.second
	r.second = totals{}
	second.finish()
	return second
}

type generator struct {
	client   *http.Client
	path     string
	inFlight atomic.Int64
	report   report
}

func main() {
	target := flag.String("target", "", "file with the server's address (host:port)")
	rate := flag.Int("rate", 100, "requests per second")
	path := flag.String("path", "/orders?customer=%d", "path; %d is the request's number modulo 1000")
	timeout := flag.Duration("timeout", 20*time.Second, "when a request counts as failed")
	flag.Parse()
	if *target == "" || *rate < 1 {
		fmt.Fprintln(os.Stderr, "loadgen: needs -target FILE and a rate of at least 1")
		os.Exit(2)
	}
	g := &generator{
		client: &http.Client{
			Transport: &http.Transport{MaxIdleConnsPerHost: 1000},
			Timeout:   *timeout,
		},
		path:   *path,
		report: report{servers: map[string]*totals{}},
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	g.run(ctx, *target, *rate)
	g.finish()
}

// run sends until ctx ends. A late tick is made up for: the rate is a promise.
func (g *generator) run(ctx context.Context, target string, rate int) {
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	seconds := time.NewTicker(time.Second)
	defer seconds.Stop()
	start := time.Now()
	address, sent := "", 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-seconds.C:
			g.sayWhatHappened(time.Since(start), address)
		case <-ticker.C:
			address = readAddress(target)
			for ; sent < int(time.Since(start).Seconds()*float64(rate)); sent++ {
				if address != "" {
					g.inFlight.Add(1)
					go g.send(ctx, address, sent)
				}
			}
		}
	}
}

func readAddress(target string) string {
	text, err := os.ReadFile(target)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

func (g *generator) send(ctx context.Context, address string, number int) {
	defer g.inFlight.Add(-1)
	start := time.Now()
	err := g.get(ctx, "http://"+address+strings.Replace(g.path, "%d", fmt.Sprint(number%1000), 1))
	if ctx.Err() != nil {
		return // cut off by our own end: no answer, no failure
	}
	g.report.add(answer{address, time.Since(start), err != nil})
}

func (g *generator) get(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := g.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d", response.StatusCode)
	}
	return err
}

func (g *generator) sayWhatHappened(elapsed time.Duration, address string) {
	second := g.report.takeSecond()
	fmt.Printf("%3.0fs %s answers %d p50 %.0fms p95 %.0fms errors %d on their way %d\n", elapsed.Seconds(),
		address, second.Answers, second.P50*1e3, second.P95*1e3, second.Errors, g.inFlight.Load())
}

func (g *generator) finish() {
	g.report.mutex.Lock()
	defer g.report.mutex.Unlock()
	for _, server := range g.report.servers {
		server.finish()
	}
	_ = json.NewEncoder(os.Stdout).Encode(g.report.servers)
}
