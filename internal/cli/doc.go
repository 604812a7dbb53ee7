// Package cli holds the subcommands of rohrpost. They only wire: read the settings, open, build, serve, close. What each
// part of a process opens is closed in reverse order, on SIGTERM or SIGINT in an orderly way, on a second one at once.
package cli
