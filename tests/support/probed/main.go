// SPDX-License-Identifier: Apache-2.0

// Probed does one thing a given number of times, so that what a probe session counts has a known
// answer. It prints READY, waits for a line on its standard input, does it, prints DONE and the
// nanoseconds that it took, and ends when its input does. Any Go from 1.17 on.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Each channel operation blocks: both sides wait for each other, turn by turn.
func pingpong(n int) {
	ping, pong := make(chan int), make(chan int)
	go func() {
		for v := range ping {
			pong <- v
		}
	}()
	for i := 0; i < n; i++ {
		ping <- i
		<-pong
	}
	close(ping)
}

//go:noinline
func deep(depth int, wait func()) int {
	if depth == 0 {
		wait()
		return 0
	}
	return deep(depth-1, wait) + 1
}

//go:noinline
func sleeps(n int) {
	for i := 0; i < n; i++ {
		time.Sleep(time.Millisecond)
	}
}

// A read of an empty pipe parks in the network poller; the writer sleeps before each byte.
func network(n int) {
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	go func() {
		for i := 0; i < n; i++ {
			time.Sleep(200 * time.Microsecond)
			w.Write([]byte{1})
		}
	}()
	one := make([]byte, 1)
	for i := 0; i < n; i++ {
		if _, err := r.Read(one); err != nil {
			panic(err)
		}
	}
}

func spawned(group *sync.WaitGroup) { group.Done() }

func spawn(n int) {
	var group sync.WaitGroup
	for i := 0; i < n; i++ {
		group.Add(1)
		go spawned(&group)
		group.Wait()
	}
}

func yields(n int) {
	for i := 0; i < n; i++ {
		runtime.Gosched()
	}
}

var spun uint64

// Two goroutines that never wait share one P for n milliseconds: only preemption moves them.
func spin(n int) {
	runtime.GOMAXPROCS(1)
	var group sync.WaitGroup
	end := time.Now().Add(time.Duration(n) * time.Millisecond)
	for i := 0; i < 2; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for time.Now().Before(end) {
				for j := uint64(0); j < 100000; j++ {
					spun += j
				}
			}
		}()
	}
	group.Wait()
}

func collect(n int) {
	for i := 0; i < n; i++ {
		runtime.GC()
	}
}

func calls(n int) {
	for i := 0; i < n; i++ {
		syscall.Getppid()
	}
}

// System calls that block for 50 ms lose their P to a busy goroutine, and must queue afterwards.
func blockingCalls(n int) {
	runtime.GOMAXPROCS(1)
	var fds [2]int
	if err := syscall.Pipe(fds[:]); err != nil {
		panic(err)
	}
	stop := make(chan bool)
	go func() {
		for {
			select {
			case <-stop:
				return
			default:
				spun++
			}
		}
	}()
	pause := syscall.Timespec{Nsec: 50000000}
	for i := 0; i < n; i++ {
		syscall.Nanosleep(&pause, nil)
	}
	close(stop)
}

func children(n int) {
	for i := 0; i < n; i++ {
		if err := exec.Command("/bin/true").Run(); err != nil {
			panic(err)
		}
	}
}

func becomeTrue(int) {
	panic(syscall.Exec("/bin/true", []string{"true"}, nil))
}

// The same program once more, under the same pid.
func again(n int) {
	sleeps(n)
	panic(syscall.Exec("/proc/self/exe", []string{os.Args[0], "sleeps", os.Args[2]}, nil))
}

func main() {
	things := map[string]func(int){
		"pingpong": pingpong, "sleeps": sleeps, "network": network, "spawn": spawn,
		"yields": yields, "spin": spin, "collect": collect, "calls": calls,
		"blocking": blockingCalls, "children": children, "become": becomeTrue, "again": again,
		"deep": func(n int) { deep(n, func() { time.Sleep(time.Millisecond) }) },
		"idle": func(int) {},
	}
	do := things[os.Args[1]]
	n, err := strconv.Atoi(os.Args[2])
	if do == nil || err != nil {
		os.Exit(2)
	}
	line := make([]byte, 1)
	fmt.Println("READY")
	syscall.Read(0, line)
	start := time.Now()
	do(n)
	fmt.Println("DONE", time.Since(start).Nanoseconds())
	for {
		if got, _ := syscall.Read(0, line); got == 0 {
			return
		}
	}
}
