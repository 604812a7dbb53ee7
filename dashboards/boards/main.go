// Command boards writes the dashboards for Grafana into the folder that it is given, one file each. What is on them stands
// in this package, in a form that can be read and reviewed; the files are made of it with Grafana's own types, so that a
// misspelt field doesn't compile. `make gen` runs it.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: boards FOLDER")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "boards:", err)
		os.Exit(1)
	}
}

// all are the dashboards, in the order in which each links to the others.
func all() []board {
	return []board{overview(), queues(), ai(), files(), servers(), streams(), objectives()}
}

func write(dir string) error {
	for _, b := range all() {
		raw, err := b.draw()
		if err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, b.name+".json"), raw, 0o644); err != nil { //nolint:gosec // it holds no secret
			return err
		}
	}
	return nil
}
