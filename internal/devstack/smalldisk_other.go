//go:build unix && !linux

package devstack

import "errors"

// StartSmallDisk is for Linux only.
func (s *Stack) StartSmallDisk(int64, ...string) (*SmallDisk, error) {
	return nil, errors.New("a small disk needs Linux")
}
