// Reads CDI specifications with the CDI project's own parser, as engines do, and says what it says.
//
//	cdi-oracle FILE...             each file alone
//	cdi-oracle --folders DIR...    folders, the last wins: the devices in force and their files,
//	                               then the files with an error
package main

import (
	"fmt"
	"os"
	"sort"

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

func list(folders []string) {
	// The error is the files', which GetErrors tells one by one.
	cache, _ := cdi.NewCache(cdi.WithAutoRefresh(false), cdi.WithSpecDirs(folders...))
	for _, name := range cache.ListDevices() {
		fmt.Printf("device %s %s\n", name, cache.GetDevice(name).GetSpec().GetPath())
	}
	var wrong []string
	for path := range cache.GetErrors() {
		wrong = append(wrong, path)
	}
	sort.Strings(wrong)
	for _, path := range wrong {
		fmt.Printf("wrong %s\n", path)
	}
}

func main() {
	if len(os.Args) > 2 && os.Args[1] == "--folders" {
		list(os.Args[2:])
		return
	}
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
