package blob

import "syscall"

// room is how many bytes a folder takes; 0 where its file system has no place for another file.
func room(dir string) (int64, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return 0, err
	}
	if fs.Files > 0 && fs.Ffree == 0 { // a file system without a fixed number of files says 0 of 0
		return 0, nil
	}
	return int64(fs.Bavail) * fs.Bsize, nil
}
