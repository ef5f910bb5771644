// Reads CDI specifications with the CDI project's own parser, as engines do, and says what it says.
package main

import (
	"fmt"
	"os"

	"tags.cncf.io/container-device-interface/pkg/cdi"
)

// A parser that panics has refused the file, too.
func read(path string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	_, err = cdi.ReadSpec(path, 0)
	return err
}

func main() {
	status := 0
	for _, path := range os.Args[1:] {
		if err := read(path); err != nil {
			fmt.Printf("%s: %v\n", path, err)
			status = 1
			continue
		}
		fmt.Printf("%s: valid\n", path)
	}
	os.Exit(status)
}
