// SPDX-License-Identifier: Apache-2.0

// Churn computes what it can check, in every way in which somebody who plants instructions in the
// Go runtime could damage it: stacks that grow and are copied, garbage collection, goroutines by
// the thousand, channels, mutexes, maps, timers, system calls, panics.
//
// It prints READY, works until its input ends or -for is over, then prints "OK rounds=N". At the
// first wrong answer it prints "WRONG: ..." and exits with 1.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

var (
	stopping atomic.Bool
	rounds   atomic.Uint64
	sayWrong sync.Mutex
)

// check ends the program when an answer is not what it must be.
func check(what string, got, want uint64) {
	if got == want {
		return
	}
	sayWrong.Lock() // never unlocked: one wrong answer is enough
	fmt.Printf("WRONG: %s: %d instead of %d\n", what, got, want)
	os.Exit(1)
}

func main() {
	duration := flag.Duration("for", 0, "how long to work; 0: until the input ends")
	loops := flag.Int("loops", 2, "how often each exercise runs side by side")
	flag.Parse()

	var group sync.WaitGroup
	exercises := []func(round uint64){
		deepStacks, pipeline, lockedMap, fanOut, treeOfGarbage, manyTimers, systemCalls, panics, forcedCollection,
	}
	for _, exercise := range exercises {
		for i := 0; i < *loops; i++ {
			group.Add(1)
			go func(exercise func(uint64)) {
				defer group.Done()
				for round := uint64(1); !stopping.Load(); round++ {
					exercise(round)
					rounds.Add(1)
				}
			}(exercise)
		}
	}
	fmt.Println("READY")
	waitForEnd(*duration)
	stopping.Store(true)
	group.Wait()
	if rounds.Load() == 0 {
		fmt.Println("WRONG: nothing was computed")
		os.Exit(1)
	}
	fmt.Printf("OK rounds=%d\n", rounds.Load())
}

func waitForEnd(duration time.Duration) {
	if duration > 0 {
		time.Sleep(duration)
		return
	}
	input := bufio.NewReader(os.Stdin)
	for {
		if _, err := input.ReadString('\n'); err != nil {
			return
		}
	}
}

// descend needs about 300 bytes of stack a level, and adds up what lies on it on the way back.
//
//go:noinline
func descend(depth, seed uint64) uint64 {
	var local [24]uint64
	for i := range local {
		local[i] = seed + uint64(i)*depth
	}
	below := uint64(0)
	if depth > 0 {
		below = descend(depth-1, seed)
	}
	sum := below
	for i := range local {
		if local[i] != seed+uint64(i)*depth {
			return ^uint64(0)
		}
		sum += local[i]
	}
	return sum
}

// descended is what descend must answer: each level adds 24*seed + (0+1+...+23)*depth.
func descended(depth, seed uint64) uint64 {
	return (depth+1)*24*seed + 276*depth*(depth+1)/2
}

// deepStacks grows fresh stacks again and again: each new goroutine starts with a small one.
func deepStacks(round uint64) {
	results := make(chan uint64)
	for i := uint64(0); i < 4; i++ {
		depth := 50 + (round*7+i*131)%2000
		go func() { results <- descend(depth, round) - descended(depth, round) }()
	}
	for i := 0; i < 4; i++ {
		check("sum over a deep stack", <-results, 0)
	}
}

// pipeline sends numbers through goroutines that each add one.
func pipeline(uint64) {
	const stages, numbers = 20, 200
	first := make(chan uint64)
	last := first
	for i := 0; i < stages; i++ {
		next := make(chan uint64, i%3)
		go func(in <-chan uint64, out chan<- uint64) {
			for number := range in {
				out <- number + 1
			}
			close(out)
		}(last, next)
		last = next
	}
	go func() {
		for i := uint64(0); i < numbers; i++ {
			first <- i
		}
		close(first)
	}()
	expected := uint64(stages)
	for number := range last {
		check("number at the end of a pipeline", number, expected)
		expected++
	}
	check("numbers through a pipeline", expected, stages+numbers)
}

// lockedMap has goroutines count in one map.
func lockedMap(uint64) {
	const goroutines, keys, steps = 50, 17, 100
	var (
		mutex  sync.Mutex
		group  sync.WaitGroup
		counts = map[uint64]uint64{}
		sum    uint64
	)
	for i := uint64(0); i < goroutines; i++ {
		group.Add(1)
		go func(i uint64) {
			defer group.Done()
			for step := uint64(0); step < steps; step++ {
				mutex.Lock()
				counts[(i+step)%keys]++
				mutex.Unlock()
				if step%10 == 0 {
					runtime.Gosched()
				}
			}
		}(i)
	}
	group.Wait()
	for _, count := range counts {
		sum += count
	}
	check("counts in a map", sum, goroutines*steps)
}

// fanOut makes a thousand goroutines that wait for one signal.
func fanOut(uint64) {
	const goroutines = 1000
	var (
		sum   atomic.Uint64
		group sync.WaitGroup
		start = make(chan struct{})
	)
	for i := uint64(1); i <= goroutines; i++ {
		group.Add(1)
		go func(i uint64) {
			defer group.Done()
			<-start
			sum.Add(i)
		}(i)
	}
	close(start)
	group.Wait()
	check("sum over a thousand goroutines", sum.Load(), goroutines*(goroutines+1)/2)
}

type node struct {
	left, right *node
	value       uint64
}

func grow(depth, value uint64) *node {
	if depth == 0 {
		return &node{value: value}
	}
	return &node{left: grow(depth-1, 2*value), right: grow(depth-1, 2*value+1), value: value}
}

func (n *node) count(value uint64) uint64 {
	if n == nil {
		return 0
	}
	if n.value != value {
		return 1 << 32
	}
	return 1 + n.left.count(2*value) + n.right.count(2*value+1)
}

// treeOfGarbage fills the heap with pointers that the collector must follow.
func treeOfGarbage(round uint64) {
	const depth = 11
	check("nodes of a tree", grow(depth, round).count(round), 1<<(depth+1)-1)
}

func manyTimers(uint64) {
	const timers = 200
	fired := make(chan int, timers)
	for i := 0; i < timers; i++ {
		time.AfterFunc(time.Duration(i%5)*time.Millisecond, func() { fired <- 1 })
	}
	sum := 0
	for i := 0; i < timers; i++ {
		sum += <-fired
	}
	check("timers", uint64(sum), timers)
}

// systemCalls sends bytes through a pipe and has threads block outside of Go's sight.
func systemCalls(round uint64) {
	in, out, err := os.Pipe()
	if err != nil {
		return // out of descriptors: not this program's subject
	}
	defer in.Close()
	go func() {
		for i := uint64(0); i < 100; i++ {
			_, _ = out.Write([]byte{byte(round + i)})
		}
		out.Close()
	}()
	buffer := make([]byte, 7)
	next := round
	for {
		n, err := in.Read(buffer)
		for _, b := range buffer[:n] {
			check("byte from a pipe", uint64(b), uint64(byte(next)))
			next++
		}
		if err != nil {
			break
		}
	}
	check("bytes from a pipe", next-round, 100)
}

// panics unwinds deep stacks.
func panics(round uint64) {
	depth := 10 + round%300
	check("value of a panic", recovered(depth), depth)
}

func recovered(depth uint64) (value uint64) {
	defer func() { value = recover().(uint64) }()
	fall(depth, depth)
	return 0
}

//go:noinline
func fall(depth, value uint64) uint64 {
	var local [16]uint64
	if depth == 0 {
		panic(value)
	}
	local[depth%16] = fall(depth-1, value)
	return local[0] + local[7]
}

func forcedCollection(round uint64) {
	kept := make([]*uint64, 1000)
	for i := range kept {
		value := round * uint64(i)
		kept[i] = &value
	}
	runtime.GC()
	for i, value := range kept {
		check("value behind a pointer after a collection", *value, round*uint64(i))
	}
}
