//go:build unix && !linux

package backup

import "syscall"

// ownGroup makes a program the leader of a group that can be killed as a whole. One that outlives us ends when it finds
// its pipes closed.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
