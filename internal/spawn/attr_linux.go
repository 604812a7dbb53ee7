package spawn

import "syscall"

// Group makes a child lead its own process group, so that Ctrl-C in a terminal reaches only us, and get deathSignal when we
// die. It has to be started by a [Thread].
func Group(deathSignal syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: deathSignal}
}
