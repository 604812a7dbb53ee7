//go:build unix && !linux

package devstack

import (
	"syscall"

	"rohrpost/internal/spawn"
)

// sysProc makes a child that leads its own process group and runs as the account given (nil: as we do).
func sysProc(as *account, deathSignal syscall.Signal) *syscall.SysProcAttr {
	attr := spawn.Group(deathSignal)
	if as != nil {
		attr.Credential = &syscall.Credential{Uid: as.uid, Gid: as.gid, Groups: as.groups}
	}
	return attr
}

func awaitExit(int) {}

func ended(int) bool { return false }
