// SPDX-License-Identifier: Apache-2.0

// Httpd is a small HTTP server with its own clients, in one process on loopback. It prints READY;
// for each line on its standard input the clients send -requests requests, and it prints
// "REQUESTS n SECONDS s RATE r". It ends when its input ends.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	clients := flag.Int("clients", 16, "connections")
	requests := flag.Int("requests", 20000, "requests a round")
	flag.Parse()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail(err)
	}
	http.HandleFunc("/", hello)
	go func() { fail(http.Serve(listener, nil)) }()

	transport := &http.Transport{MaxIdleConnsPerHost: *clients, MaxConnsPerHost: *clients}
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	url := "http://" + listener.Addr().String() + "/"
	if err := load(client, url, *clients, *clients); err != nil {
		fail(err) // opens the connections, so that no round pays for it
	}
	fmt.Println("READY")
	input := bufio.NewReader(os.Stdin)
	for {
		if _, err := input.ReadString('\n'); err != nil {
			return
		}
		start := time.Now()
		if err := load(client, url, *clients, *requests); err != nil {
			fail(err)
		}
		seconds := time.Since(start).Seconds()
		fmt.Printf("REQUESTS %d SECONDS %.3f RATE %.0f\n", *requests, seconds, float64(*requests)/seconds)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "httpd:", err)
	os.Exit(1)
}

func hello(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	_, _ = io.WriteString(w, "hello\n")
}

// load sends the requests from all clients and gives the first error.
func load(client *http.Client, url string, clients, requests int) error {
	var (
		sent  atomic.Int64
		group sync.WaitGroup
		once  sync.Once
		first error
	)
	for i := 0; i < clients; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for sent.Add(1) <= int64(requests) {
				if err := get(client, url); err != nil {
					once.Do(func() { first = err })
					return
				}
			}
		}()
	}
	group.Wait()
	return first
}

func get(client *http.Client, url string) error {
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", response.StatusCode)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}
