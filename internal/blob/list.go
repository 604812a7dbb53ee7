package blob

import (
	"context"
	"errors"
	"io"
	"time"

	gcblob "gocloud.dev/blob"
)

const (
	pageSize    = 1000             // the most that S3 gives at once
	pageTimeout = 30 * time.Second // for one page, of a folder that the kernel has to read from a disk
)

// Item is a blob that is in the storage. In a folder, a file that is being written or was left half written is one, too,
// with a key that ends in .tmp.
type Item struct {
	Key     string
	Size    int64 // bytes
	ModTime time.Time
}

// List gives fn the blobs whose keys begin with prefix, a page at a time; fn may delete them. A prefix that names a
// folder, as in uploads/7f/, spares a storage that is a folder from looking at all others. Errors: unavailable, that of
// fn.
func (b *Bucket) List(ctx context.Context, prefix string, fn func(page []Item) error) error {
	for token := gcblob.FirstPageToken; len(token) > 0; {
		page, next, err := b.page(ctx, prefix, token)
		if err != nil {
			return coded(err, "list "+prefix)
		}
		if len(page) > 0 {
			if err := fn(page); err != nil {
				return err
			}
		}
		token = next
	}
	return nil
}

func (b *Bucket) page(ctx context.Context, prefix string, token []byte) (page []Item, next []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	found, next, err := b.bucket.ListPage(ctx, token, pageSize, &gcblob.ListOptions{Prefix: prefix})
	if errors.Is(err, io.EOF) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	for _, object := range found {
		page = append(page, Item{Key: object.Key, Size: object.Size, ModTime: object.ModTime})
	}
	return page, next, nil
}
