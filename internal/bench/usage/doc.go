// Package usage tells what other processes of the machine take of it. Where the system doesn't tell, nothing is known.
package usage
