// SPDX-License-Identifier: Apache-2.0

// Idle says READY and waits until its input ends. Its exit code is the first argument, or 0.
package main

import (
	"fmt"
	"io"
	"io/ioutil"
	"os"
	"strconv"
)

func main() {
	fmt.Println("READY")
	if _, err := io.Copy(ioutil.Discard, os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if len(os.Args) > 1 {
		code, err := strconv.Atoi(os.Args[1])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		os.Exit(code)
	}
}
