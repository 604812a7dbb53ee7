package devstack_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const endWithin = 20_000 // ms; a server that is told to end writes its data first

// end is the coming end of a process that is not our child, so that we can't wait for it: a pidfd.
type end struct {
	pid, fd int
}

func watch(t *testing.T, pid int) end {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatalf("watch process %d: %v", pid, err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return end{pid, fd}
}

// wait fails the test if the process does not end, and leaves nothing behind even then.
func (e end) wait(t *testing.T) {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(e.fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, endWithin)
		if err == unix.EINTR {
			continue
		}
		if n == 1 {
			return
		}
		unix.PidfdSendSignal(e.fd, unix.SIGKILL, nil, 0)
		t.Fatalf("process %d did not end: %v", e.pid, err)
	}
}

// children are the processes whose parent is pid.
func children(t *testing.T, pid int) []int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	must(t, err)
	var found []int
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has just ended
		}
		// pid (name) state ppid …; the name may hold spaces and brackets
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			child, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			must(t, err)
			found = append(found, child)
		}
	}
	return found
}
