package devstack

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"

	"rohrpost/internal/spawn"
)

// sysProc makes a child that gets deathSignal when we die, leads its own process group, so that we stop the servers in order
// and after their users, and runs as the account given (nil: as we do).
func sysProc(as *account, deathSignal syscall.Signal) *syscall.SysProcAttr {
	attr := spawn.Group(deathSignal)
	if as != nil {
		// Go sets the parent-death signal after the change of user, which would clear it.
		attr.Credential = &syscall.Credential{Uid: as.uid, Gid: as.gid, Groups: as.groups}
	}
	return attr
}

// awaitExit blocks until the child has ended and leaves it a zombie, so that its process group can still be named.
func awaitExit(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// ended reports whether the child has ended, be it reaped or not.
func ended(pid int) bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return errors.Is(err, unix.ECHILD) || err == nil && info.Signo != 0
}
