//go:build unix && !linux

package devstack

import "syscall"

// sysProc is the portable part: without Linux there is no parent-death signal, so a killed parent leaves its servers.
func sysProc(as *account, _ syscall.Signal) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if as != nil {
		attr.Credential = &syscall.Credential{Uid: as.uid, Gid: as.gid, Groups: as.groups}
	}
	return attr
}

func awaitExit(int) {}

func ended(int) bool { return false }
