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
	return b.list(ctx, &gcblob.ListOptions{Prefix: prefix}, func(page []Item, _ []string) error {
		if len(page) == 0 {
			return nil
		}
		return fn(page)
	})
}

// Tree is [Bucket.List] for all that lies in a folder ("" for everything, otherwise it ends in /), one folder after the
// other: a storage that is a folder is walked once, where List walks it again for each page.
func (b *Bucket) Tree(ctx context.Context, folder string, fn func(page []Item) error) error {
	var folders []string
	err := b.list(ctx, &gcblob.ListOptions{Prefix: folder, Delimiter: "/"}, func(page []Item, inside []string) error {
		folders = append(folders, inside...)
		if len(page) == 0 {
			return nil
		}
		return fn(page)
	})
	if err != nil {
		return err
	}
	for _, inside := range folders {
		if err := b.Tree(ctx, inside, fn); err != nil {
			return err
		}
	}
	return nil
}

func (b *Bucket) list(ctx context.Context, opts *gcblob.ListOptions, fn func(page []Item, folders []string) error) error {
	for token := gcblob.FirstPageToken; len(token) > 0; {
		page, folders, next, err := b.page(ctx, opts, token)
		if err != nil {
			return coded(err, "list "+opts.Prefix)
		}
		if err := fn(page, folders); err != nil {
			return err
		}
		token = next
	}
	return nil
}

func (b *Bucket) page(ctx context.Context, opts *gcblob.ListOptions, token []byte) (
	page []Item, folders []string, next []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	found, next, err := b.bucket.ListPage(ctx, token, pageSize, opts)
	if errors.Is(err, io.EOF) {
		return nil, nil, nil, nil
	}
	if err != nil {
		return nil, nil, nil, err
	}
	for _, object := range found {
		if object.IsDir {
			folders = append(folders, object.Key)
			continue
		}
		page = append(page, Item{Key: object.Key, Size: object.Size, ModTime: object.ModTime})
	}
	return page, folders, next, nil
}
