// SPDX-License-Identifier: Apache-2.0

// probee is a small program with what parkmeter looks for: goroutines, channels, locks, a pipe.
package main

import (
	"fmt"
	"os"
	"sync"
	"time"
)

var version = "unset"

func echo(in <-chan int, out chan<- int) {
	for n := range in {
		out <- n
	}
	close(out)
}

func pipe() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	go func() {
		time.Sleep(time.Millisecond)
		fmt.Fprintln(w, "hello")
		w.Close()
	}()
	_, err = r.Read(make([]byte, 16))
	return err
}

func main() {
	var lock sync.Mutex
	in, out := make(chan int), make(chan int)
	go echo(in, out)
	for n := 0; n < 10; n++ {
		lock.Lock()
		in <- n
		<-out
		lock.Unlock()
	}
	close(in)
	if err := pipe(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("probee", version)
}
