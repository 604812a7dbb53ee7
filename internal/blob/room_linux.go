package blob

import "syscall"

// room is how many bytes a folder still takes, and how many its file system has for users in all. free is 0 where there
// is no place for another file.
func room(dir string) (free, size int64, err error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return 0, 0, err
	}
	free = int64(fs.Bavail) * fs.Bsize
	size = int64(fs.Blocks-fs.Bfree)*fs.Bsize + free // what is kept for root is none of ours
	if fs.Files > 0 && fs.Ffree == 0 {               // a file system without a fixed number of files says 0 of 0
		free = 0
	}
	return free, size, nil
}
