package backup

import "syscall"

// ownGroup makes a program the leader of a group that can be killed as a whole, and dies with us.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
