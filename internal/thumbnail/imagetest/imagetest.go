// Package imagetest makes images for tests: small ones of every format, and those that mean harm.
package imagetest

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// The colors of the images.
var (
	Red  = color.NRGBA{R: 220, A: 255}
	Blue = color.NRGBA{B: 220, A: 255}
)

// Halves is red on the left and blue on the right.
func Halves(width, height int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			c := Red
			if x >= width/2 {
				c = Blue
			}
			img.SetNRGBA(x, y, c)
		}
	}
	return img
}

// Plain is all of one color.
func Plain(width, height int, c color.NRGBA) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	draw.Draw(img, img.Rect, image.NewUniform(c), image.Point{}, draw.Src)
	return img
}

func paletted(img image.Image) *image.Paletted {
	p := image.NewPaletted(img.Bounds(), color.Palette{Red, Blue, color.NRGBA{}})
	for y := range p.Rect.Dy() {
		for x := range p.Rect.Dx() {
			p.Set(x, y, img.At(x, y))
		}
	}
	return p
}

// Encoded is img in the given format.
func Encoded(t testing.TB, format string, img image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	var err error
	switch format {
	case "jpeg":
		err = jpeg.Encode(&out, img, nil)
	case "png":
		err = png.Encode(&out, img)
	case "gif":
		err = gif.Encode(&out, paletted(img), nil)
	case "bmp":
		err = bmp.Encode(&out, img)
	case "tiff":
		err = tiff.Encode(&out, img, nil)
	case "webp":
		return WebP(img.Bounds().Dx(), img.Bounds().Dy(), Red)
	}
	require.NoError(t, err)
	return out.Bytes()
}

// WebP is a lossless WebP of one color, 46 bytes at any size: each of its five codes has a single symbol, which takes no
// bits.
func WebP(width, height int, c color.NRGBA) []byte {
	var bits uint64
	var n int
	data := []byte{0x2f}
	put := func(value uint64, size int) {
		bits |= value << n
		for n += size; n >= 8; n -= 8 {
			data = append(data, byte(bits))
			bits >>= 8
		}
	}
	put(uint64(width-1), 14)
	put(uint64(height-1), 14)
	put(1, 1) // alpha
	put(0, 3) // version
	put(0, 3) // no transforms, no color cache, one set of codes
	for _, symbol := range []uint8{c.G, c.R, c.B, c.A, 0} {
		put(0b101, 3) // a simple code of one symbol of 8 bits
		put(uint64(symbol), 8)
	}
	put(0, 7)
	data = append(data, make([]byte, len(data)%2)...)
	out := []byte("RIFF")
	out = binary.LittleEndian.AppendUint32(out, uint32(12+len(data)))
	out = append(out, "WEBPVP8L"...)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(data)))
	return append(out, data...)
}

// Turned is img as a JPEG that says how the camera was held.
func Turned(t testing.TB, img image.Image, orientation byte) []byte {
	t.Helper()
	upright := Encoded(t, "jpeg", img)
	exif := append([]byte("Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08"), // big-endian TIFF, its directory at 8
		0, 1, // of one entry:
		0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, // orientation, a short
		0, 0, 0, 0)
	out := append([]byte{}, upright[:2]...)
	out = append(out, 0xff, 0xe1)
	out = binary.BigEndian.AppendUint16(out, uint16(len(exif)+2))
	return append(append(out, exif...), upright[2:]...)
}

// HugePNG says that it has width × height pixels and has none of them.
func HugePNG(width, height uint32) []byte {
	out := []byte("\x89PNG\r\n\x1a\n")
	chunk := func(kind string, data []byte) {
		out = binary.BigEndian.AppendUint32(out, uint32(len(data)))
		body := append([]byte(kind), data...)
		out = append(out, body...)
		out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(body))
	}
	header := binary.BigEndian.AppendUint32(nil, width)
	header = binary.BigEndian.AppendUint32(header, height)
	chunk("IHDR", append(header, 1, 0, 0, 0, 0)) // 1 bit, gray
	chunk("tEXt", bytes.Repeat([]byte("x"), 4<<10))
	chunk("IDAT", []byte{0x78, 0x9c})
	chunk("IEND", nil)
	return out
}

// Animation is a GIF of so many frames, each the same red dot on a canvas of width × height.
func Animation(width, height, frames int) []byte {
	out := binary.LittleEndian.AppendUint16([]byte("GIF89a"), uint16(width))
	out = binary.LittleEndian.AppendUint16(out, uint16(height))
	out = append(out, 0x80, 0, 0, Red.R, Red.G, Red.B, Blue.R, Blue.G, Blue.B) // a palette of two
	frame := []byte{
		0x21, 0xf9, 4, 0, 1, 0, 0, 0, // shown for 1/100 s
		0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, // one pixel
		2, 2, 0x44, 0x01, 0, // index 0
	}
	return append(append(out, bytes.Repeat(frame, frames)...), 0x3b)
}
