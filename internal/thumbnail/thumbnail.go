// Package thumbnail makes small pictures of images that strangers sent.
//
// The header decides before anything is allocated: an image whose width × height × frames is over the limit is refused,
// be the file ever so small. Of an animation only the first frame is decoded. A decode takes up to some 15 bytes a pixel
// (a progressive JPEG without subsampling), so the memory of a process is bounded by that times Config.MaxPixels times
// Config.Parallel, which images share by their size: one of the largest takes the place of many photos.
//
// The original is decoded and gone through once. It is averaged down to a draft first, which is cheap; Lanczos, which
// looks better and costs most of the time, has the draft to do, and each smaller size is made of the one before.
//
// A decoder that panics does so on the caller's goroutine, where the job engine catches it. The imaging library works on
// goroutines of its own, where a panic would end the process, and it does panic on images whose pixels don't match
// their palette or size (CVE-2023-36308); so it only gets images that sound says are consistent.
package thumbnail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"runtime"
	"sync"

	"github.com/disintegration/imaging"
	"golang.org/x/sync/semaphore"

	"rohrpost/internal/fault"
)

const (
	defaultMaxPixels = 50_000_000
	defaultParallel  = 2
	jpegQuality      = 85
)

// Config bounds the work. Zero values work.
type Config struct {
	// MaxPixels bounds width × height × frames of an image; 0 takes 50 million.
	MaxPixels int64 `env:"THUMBNAIL_MAX_PIXELS"`
	// Parallel bounds the memory: so many images of MaxPixels, or as many more smaller ones, are decoded at once; 0 takes
	// 2.
	Parallel int64 `env:"THUMBNAIL_PARALLEL"`
}

// Size is a box that a thumbnail fits into.
type Size struct {
	Name string
	Box  int // the longest side in pixels
}

// Sizes are the thumbnails of every image, the smallest first.
var Sizes = []Size{{"small", 128}, {"medium", 512}, {"large", 1024}}

// Thumbnail is one of them, encoded. It has the proportions of the original and is never larger.
type Thumbnail struct {
	Name          string
	Width, Height int
	MediaType     string // image/jpeg, or image/png where there is transparency
	Content       []byte
}

// Maker makes thumbnails. It is safe for concurrent use and needs no closing.
type Maker struct {
	maxPixels int64
	share     int64               // the least that an image counts for, in pixels
	pixels    *semaphore.Weighted // those that may be decoded at once
}

// New makes a Maker.
func New(cfg Config) *Maker {
	if cfg.MaxPixels <= 0 {
		cfg.MaxPixels = defaultMaxPixels
	}
	if cfg.Parallel <= 0 {
		cfg.Parallel = defaultParallel
	}
	budget := cfg.Parallel * cfg.MaxPixels
	// More than two images a core would only take memory, be they ever so small.
	most := max(cfg.Parallel, 2*int64(runtime.GOMAXPROCS(0)))
	return &Maker{maxPixels: cfg.MaxPixels, share: budget / most, pixels: semaphore.NewWeighted(budget)}
}

// Supports tells whether thumbnails can be made of content of a media type.
func Supports(mediaType string) bool {
	switch mediaType {
	case "image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp", "image/tiff":
		return true
	}
	return false
}

// Make makes the thumbnails of the image that r holds, one for each of [Sizes], upright by its EXIF orientation. It
// waits until there is memory for it. Errors: invalid with a sentence why there can't be any, else what r or ctx ended
// with.
func (m *Maker) Make(ctx context.Context, r io.ReadSeeker) ([]Thumbnail, error) {
	src := &source{ctx: ctx, r: r}
	thumbs, err := m.make(src)
	if src.err != nil { // a decoder calls it a damaged image, and it is not
		return nil, fmt.Errorf("read the image: %w", src.err)
	}
	return thumbs, err
}

func (m *Maker) make(src *source) ([]Thumbnail, error) {
	head, err := m.inspect(src)
	if err != nil {
		return nil, err
	}
	size := max(int64(head.width)*int64(head.height), m.share)
	if err := m.pixels.Acquire(src.ctx, size); err != nil {
		return nil, fmt.Errorf("wait for memory for a thumbnail: %w", context.Cause(src.ctx))
	}
	defer m.pixels.Release(size)
	turn := orientation(src, head.format)
	img, err := decode(src, head)
	if err != nil {
		return nil, err
	}
	thumbs := make([]Thumbnail, len(Sizes))
	shrunk := img
	// From the large one down, each of the one before: the original is gone through once.
	for i := len(Sizes) - 1; i >= 0; i-- {
		if err := src.ctx.Err(); err != nil {
			return nil, fmt.Errorf("thumbnail: %w", context.Cause(src.ctx))
		}
		pixels := shrink(shrunk, fit(img.Bounds().Size(), Sizes[i].Box))
		if thumbs[i], err = encode(Sizes[i].Name, upright(pixels, turn)); err != nil {
			return nil, err
		}
		shrunk = pixels
	}
	return thumbs, nil
}

// fit is the largest size with the proportions of an image that has no side longer than box; it is never larger than the
// image, and no side is less than a pixel.
func fit(size image.Point, box int) image.Point {
	longest := max(size.X, size.Y)
	if longest <= box {
		return size
	}
	scaled := func(n int) int { return max(1, int(math.Round(float64(n)*float64(box)/float64(longest)))) }
	return image.Pt(scaled(size.X), scaled(size.Y))
}

// shrink makes img as small as size, which has about its proportions.
func shrink(img image.Image, size image.Point) *image.NRGBA {
	smaller, release := draft(img, size)
	defer release()
	return imaging.Resize(smaller, size.X, size.Y, imaging.Lanczos)
}

func encode(name string, img *image.NRGBA) (Thumbnail, error) {
	t := Thumbnail{Name: name, Width: img.Rect.Dx(), Height: img.Rect.Dy(), MediaType: "image/jpeg"}
	format := imaging.JPEG
	if !img.Opaque() {
		t.MediaType, format = "image/png", imaging.PNG
	}
	out := encoded.Get().(*bytes.Buffer)
	defer encoded.Put(out)
	out.Reset()
	if err := imaging.Encode(out, img, format, imaging.JPEGQuality(jpegQuality)); err != nil {
		return Thumbnail{}, fmt.Errorf("encode thumbnail %s: %w", name, err)
	}
	t.Content = bytes.Clone(out.Bytes())
	return t, nil
}

// encoded keeps the memory that encoders write to, which grows to twice what a thumbnail takes.
var encoded = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// source reads for the decoders, which know neither contexts nor coded errors.
type source struct {
	ctx context.Context
	r   io.ReadSeeker
	err error // the first error of r or ctx
}

func (s *source) Read(p []byte) (int, error) {
	if s.err == nil && s.ctx.Err() != nil {
		s.err = context.Cause(s.ctx)
	}
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// Seek goes to an offset; the decoders seek within the image only.
func (s *source) Seek(offset int64, whence int) (int64, error) { return s.r.Seek(offset, whence) }

func (s *source) rewind() error {
	if _, err := s.Seek(0, io.SeekStart); err != nil {
		s.err = err
		return err
	}
	return nil
}

func damaged(err error) error {
	return fault.Wrap(err, fault.Invalid, "The image is damaged or incomplete.")
}
