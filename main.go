// Rohrpost is a self-hosted team chat with files and an AI assistant, built around a durable job queue. This program is
// all of it: each subcommand runs one part, `rohrpost dev` runs them all.
package main

import (
	"os"

	"rohrpost/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr)) }
