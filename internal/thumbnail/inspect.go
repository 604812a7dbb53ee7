package thumbnail

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	_ "image/gif"  // registers the format
	_ "image/jpeg" // registers the format
	_ "image/png"  // registers the format
	"io"

	_ "golang.org/x/image/bmp"  // registers the format
	_ "golang.org/x/image/tiff" // registers the format
	_ "golang.org/x/image/webp" // registers the format

	"rohrpost/internal/fault"
)

// header is what is known of an image before a pixel is decoded.
type header struct {
	format        string
	width, height int
}

// inspect reads the header and refuses what is no image or too large.
func (m *Maker) inspect(src *source) (header, error) {
	cfg, format, err := image.DecodeConfig(src)
	switch {
	case errors.Is(err, image.ErrFormat) || err == nil && !Supports("image/"+format):
		return header{}, fault.New(fault.Invalid, "Thumbnails can't be made of this kind of file.")
	case err != nil:
		return header{}, damaged(err)
	case cfg.Width <= 0 || cfg.Height <= 0:
		return header{}, damaged(fmt.Errorf("%d×%d pixels", cfg.Width, cfg.Height))
	}
	// Neither side is over 2^32, and where their product is over 2^63 a side is over the limit.
	width, height := int64(cfg.Width), int64(cfg.Height)
	if width > m.maxPixels || height > m.maxPixels/width {
		return header{}, m.tooLarge("%d×%d", width, height)
	}
	if format == "gif" {
		if err := src.rewind(); err != nil {
			return header{}, err
		}
		most := m.maxPixels / (width * height)
		if frames := gifFrames(src, most+1); frames > most {
			return header{}, m.tooLarge("%d×%d and more than %d frames", width, height, most)
		}
	}
	return header{format: format, width: cfg.Width, height: cfg.Height}, nil
}

func (m *Maker) tooLarge(what string, args ...any) error {
	return fault.New(fault.Invalid, "The image is too large for thumbnails: "+what+" pixels, and the limit is %d in all.",
		append(args, m.maxPixels)...)
}

// gifFrames counts the frames of a GIF from its block structure, up to most; nothing is decompressed. What comes after
// an error is not counted, and no decoder would come to it.
func gifFrames(r io.Reader, most int64) (frames int64) {
	in := bufio.NewReader(r)
	skip := func(n int) bool {
		_, err := in.Discard(n)
		return err == nil
	}
	table := func(flags byte) int { // the size of a color table
		if flags&0x80 == 0 {
			return 0
		}
		return 3 << (1 + flags&7)
	}
	blocks := func() bool { // a chain of sub-blocks, which an empty one ends
		for {
			n, err := in.ReadByte()
			if err != nil || !skip(int(n)) {
				return false
			}
			if n == 0 {
				return true
			}
		}
	}
	var screen [13]byte
	if _, err := io.ReadFull(in, screen[:]); err != nil || !skip(table(screen[10])) {
		return 0
	}
	for frames < most {
		kind, err := in.ReadByte()
		if err != nil {
			return frames
		}
		switch kind {
		case 0x21: // an extension: a label and its blocks
			if !skip(1) || !blocks() {
				return frames
			}
		case 0x2c: // a frame: its place and flags, its color table, the size of its codes, its blocks
			frames++
			var place [9]byte
			if _, err := io.ReadFull(in, place[:]); err != nil || !skip(table(place[8])+1) || !blocks() {
				return frames
			}
		default: // the trailer, or nothing that a decoder would go on after
			return frames
		}
	}
	return frames
}
