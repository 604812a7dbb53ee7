//go:build !linux

package usage

// Processor needs /proc.
func Processor(int) (seconds float64, known bool, err error) { return 0, false, nil }

// Memory needs /proc.
func Memory(int) (bytes int, known bool, err error) { return 0, false, nil }
