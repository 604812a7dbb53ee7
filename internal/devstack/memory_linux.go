package devstack

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
)

const (
	memoryFolder = "/dev/shm"
	tmpfsMagic   = 0x01021994 // statfs(2)
	// The largest database of a test takes some 3 GB with its log, and several packages are tested at once, which need
	// memory for themselves. Containers have 64 MB there by default.
	plenty = 12 << 30 // bytes
)

// memoryDir is a folder whose files are in memory; "" where there isn't plenty of it.
func memoryDir() string {
	var fs syscall.Statfs_t
	if syscall.Statfs(memoryFolder, &fs) != nil || fs.Type != tmpfsMagic {
		return ""
	}
	if fs.Bavail*uint64(fs.Bsize) < plenty || memoryAvailable() < plenty {
		return ""
	}
	return memoryFolder
}

// memoryAvailable is what programs may still take, in bytes; 0 where the kernel doesn't tell.
func memoryAvailable() uint64 {
	raw, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(raw, []byte("\nMemAvailable:"))
	var kilobytes uint64
	if _, err := fmt.Sscan(string(rest), &kilobytes); err != nil {
		return 0
	}
	return kilobytes << 10
}
