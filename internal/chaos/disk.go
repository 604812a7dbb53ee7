package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"rohrpost/internal/devstack"
)

const (
	diskBytes = 128 << 20 // room for the uploads of an hour; memory is taken as far as it is used
	pieceSize = 1 << 20
)

// smallDisks tells whether this machine gives us one, by trying.
func smallDisks(log *slog.Logger) bool {
	stack, err := devstack.Open("", log)
	if err != nil {
		return false
	}
	_, err = stack.StartSmallDisk(pieceSize)
	return errors.Join(err, stack.Close()) == nil
}

// fillingDisk leaves no byte free where the content of files lies.
func fillingDisk(s *stage, random *rand.Rand) breakage {
	filler := filepath.Join(s.storage, "..", "filler")
	return breakage{
		target: "storage", hold: between(random, 2*time.Second, 6*time.Second),
		begin: func(context.Context) error { return fill(filler) },
		end: func(context.Context) error {
			if err := os.Remove(filler); err != nil {
				return fmt.Errorf("free the disk: %w", err)
			}
			return nil
		},
	}
}

// fill writes a file until the disk has no room left.
func fill(path string) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("fill the disk: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	// By pages at the end, so that what is left is less than any file needs.
	for size := pieceSize; size >= os.Getpagesize(); size /= 2 {
		piece := make([]byte, size)
		for {
			_, err := f.Write(piece)
			if errors.Is(err, syscall.ENOSPC) {
				break
			}
			if err != nil {
				return fmt.Errorf("fill the disk: %w", err)
			}
			at, err := f.Seek(0, io.SeekCurrent)
			if err != nil {
				return fmt.Errorf("fill the disk: %w", err)
			}
			if at > 2*diskBytes {
				return errors.New("fill the disk: it has no end, so it is not the small one")
			}
		}
	}
	return nil
}
