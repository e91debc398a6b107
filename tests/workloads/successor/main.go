// SPDX-License-Identifier: Apache-2.0

// Successor starts as many goroutines as its first argument says, each of which sleeps once, waits
// for them, and then becomes the program that its other arguments name, in the same process.
package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// release is set when it is built; its length keeps two releases from being one file.
var release = "none"

func worker(done *sync.WaitGroup) {
	time.Sleep(20 * time.Millisecond)
	done.Done()
}

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("usage: successor COUNT [PROGRAM ARGUMENT...]"))
	}
	count, err := strconv.Atoi(os.Args[1])
	if err != nil {
		fail(err)
	}
	var done sync.WaitGroup
	done.Add(count)
	for i := 0; i < count; i++ {
		go worker(&done)
	}
	done.Wait()
	fmt.Fprintln(os.Stderr, release, "has finished")
	if len(os.Args) > 2 {
		fail(syscall.Exec(os.Args[2], os.Args[2:], os.Environ()))
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
