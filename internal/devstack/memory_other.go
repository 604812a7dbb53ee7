//go:build unix && !linux

package devstack

// memoryDir is a folder whose files are in memory: none that is known here.
func memoryDir() string { return "" }
