//go:build unix && !linux

package spawn

import "syscall"

// Group is the portable part: without Linux there is no parent-death signal, so a killed parent leaves its children.
func Group(syscall.Signal) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
