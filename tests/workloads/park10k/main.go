// SPDX-License-Identifier: Apache-2.0

// Park10k holds many goroutines that wait, each on a channel of its own and at one of many stacks,
// and wakes them one after the other at a steady rate. It prints READY once all of them wait, goes
// on until its input ends, and then prints how often it woke one.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"
)

const tick = 2 * time.Millisecond

func main() {
	goroutines := flag.Int("goroutines", 10000, "how many wait")
	rate := flag.Int("rate", 20000, "wake-ups per second")
	depths := flag.Int("depths", 16, "at how many stacks they wait")
	flag.Parse()

	var waiting, woken atomic.Int64
	channels := make([]chan struct{}, *goroutines)
	for i := range channels {
		channels[i] = make(chan struct{})
		go parked(i%*depths, channels[i], &waiting, &woken)
	}
	for waiting.Load() < int64(*goroutines) {
		time.Sleep(time.Millisecond)
	}
	fmt.Println("READY")
	stop := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(stop)
	}()
	wake(channels, *rate, stop)
	fmt.Printf("WOKEN %d\n", woken.Load())
}

//go:noinline
func parked(depth int, channel <-chan struct{}, waiting, woken *atomic.Int64) {
	if depth > 0 {
		parked(depth-1, channel, waiting, woken)
		return
	}
	waiting.Add(1)
	for range channel {
		woken.Add(1)
	}
}

func wake(channels []chan struct{}, rate int, stop <-chan struct{}) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	next := 0
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		for i := 0; i < rate*int(tick)/int(time.Second); i++ {
			channels[next] <- struct{}{}
			next = (next + 1) % len(channels)
		}
	}
}
