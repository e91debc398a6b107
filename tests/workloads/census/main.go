// SPDX-License-Identifier: Apache-2.0

// Census keeps as many goroutines waiting as its argument says, and says READY and how many
// goroutines the runtime counts. It answers each line of its input with that count and ends when
// its input does. Built with the tag withc it calls C, which brings extra threads along.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// finished leaves dead goroutines behind that the runtime keeps for later use.
func finished(count int) {
	var group sync.WaitGroup
	group.Add(count)
	for i := 0; i < count; i++ {
		go group.Done()
	}
	group.Wait()
}

// startSystem has the runtime start goroutines of its own: a collector's workers and the one that
// runs finalizers.
func startSystem() {
	done := make(chan bool)
	runtime.SetFinalizer(&[64]byte{}, func(*[64]byte) { close(done) })
	for {
		runtime.GC()
		select {
		case <-done:
			return
		case <-time.After(time.Millisecond):
		}
	}
}

func main() {
	waiting := 0
	if len(os.Args) > 1 {
		waiting, _ = strconv.Atoi(os.Args[1])
	}
	finished(waiting/2 + 10)
	startSystem()
	for i := 0; i < waiting; i++ {
		go func() { select {} }()
	}
	for runtime.NumGoroutine() != waiting+1 {
		time.Sleep(time.Millisecond)
	}
	fmt.Println("READY", runtime.NumGoroutine())
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		fmt.Println(runtime.NumGoroutine())
	}
}
