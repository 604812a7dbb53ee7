package acceptance

import (
	"os/exec"
	"syscall"
)

// dieWithUs has the kernel kill the child when the thread that started it ends, however that comes about.
func dieWithUs(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
