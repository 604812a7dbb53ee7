package devstack

import "context"

// SmallDisk is a folder on a real file system of few bytes, which can be filled.
type SmallDisk struct {
	// Dir is the folder, for processes of this user. It is gone when the disk is stopped.
	Dir string
	end func()
}

// Stop takes the disk and all that is on it away. Stopping it twice is fine.
func (d *SmallDisk) Stop(context.Context) error {
	d.end()
	return nil
}
