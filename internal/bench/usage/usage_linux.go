package usage

import (
	"fmt"

	"github.com/prometheus/procfs"
)

const userHz = 100 // ticks a second in /proc, on every Linux that Go runs on

// Processor is what a process and its children have spent so far, in seconds, to 10 ms.
func Processor(pid int) (seconds float64, known bool, err error) {
	all, err := procfs.AllProcs()
	if err != nil {
		return 0, false, fmt.Errorf("processes: %w", err)
	}
	for _, p := range all {
		stat, err := p.Stat()
		if err != nil {
			continue // it has ended; its parent's account has it
		}
		switch pid {
		case stat.PID:
			// Children that have ended are in their parent's account.
			seconds += stat.CPUTime() + float64(stat.CUTime+stat.CSTime)/userHz
			known = true
		case stat.PPID:
			seconds += stat.CPUTime()
		}
	}
	return seconds, known, nil
}

// Memory is what a process has in memory, in bytes.
func Memory(pid int) (bytes int, known bool, err error) {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return 0, false, fmt.Errorf("process %d: %w", pid, err)
	}
	stat, err := p.Stat()
	if err != nil {
		return 0, false, fmt.Errorf("process %d: %w", pid, err)
	}
	return stat.ResidentMemory(), true, nil
}
