// SPDX-License-Identifier: Apache-2.0

// Shop is a small order service on database/sql and SQLite, in two releases built from one source
// (-ldflags "-X main.version=v2.2.0" or v2.3.0). In v2.3.0 somebody tidied up: the query of the
// customer's history lost its timeout, and the connection pool shrank from 20 to 5. Most customers
// have a short history. A few have a long one: v2.2.0 gives up on it in time and answers without,
// v2.3.0 holds a connection until it has read the whole, and everybody else waits for that
// connection. No request fails, and nothing is logged.
//
// It prints READY ADDRESS, serves until SIGTERM, and then finishes what it has begun for a second.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

var version = "v2.2.0"

// settings are what the two releases differ in.
type settings struct {
	connections    int
	historyTimeout time.Duration // 0: none
}

var releases = map[string]settings{
	"v2.2.0": {connections: 20, historyTimeout: 60 * time.Millisecond},
	"v2.3.0": {connections: 5},
}

func main() {
	address := flag.String("listen", "127.0.0.1:0", "address of the HTTP server")
	path := flag.String("database", "shop.db", "SQLite database, made when it is not there")
	flag.Parse()
	release, known := releases[version]
	if !known {
		log.Fatalf("shop: there is no release %s", version)
	}
	if err := serve(*address, *path, release); err != nil {
		log.Fatal("shop: ", err)
	}
}

func serve(address, path string, release settings) error {
	orders, err := openStore(path, release)
	if err != nil {
		return err
	}
	defer orders.close()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, version)
	})
	mux.Handle("/orders", &orderHandler{orders})
	server := &http.Server{Handler: mux}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	fmt.Println("READY", listener.Addr())

	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	select {
	case err := <-ended:
		return err
	case <-signals:
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = server.Shutdown(ctx)
	return nil
}
