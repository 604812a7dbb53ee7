package thumbnail

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
)

// decode decodes the image, or the first frame of an animation, into one that the imaging library can be trusted with.
func decode(src *source, head header) (image.Image, error) {
	if err := src.rewind(); err != nil {
		return nil, err
	}
	img, _, err := image.Decode(src)
	if err != nil {
		return nil, damaged(err)
	}
	bounds := img.Bounds()
	if int64(bounds.Dx())*int64(bounds.Dy()) > int64(head.width)*int64(head.height) || bounds.Empty() {
		return nil, damaged(fmt.Errorf("the header says %d×%d, the image is %v", head.width, head.height, bounds))
	}
	// The first frame of a GIF may cover a part of its canvas only.
	if canvas := image.Rect(0, 0, head.width, head.height); head.format == "gif" && bounds != canvas {
		return redraw(img, canvas), nil
	}
	if p, ok := img.(*image.Paletted); ok {
		img = completed(p)
	}
	if !sound(img) {
		return redraw(img, bounds), nil
	}
	return img, nil
}

// redraw draws img pixel by pixel on a canvas of its own. It is what is left for the rarer kinds of images, and the
// place where an inconsistent one panics.
func redraw(img image.Image, canvas image.Rectangle) image.Image {
	if p, ok := img.(*image.Paletted); ok {
		img = completed(p)
	}
	out := image.NewNRGBA(image.Rect(0, 0, canvas.Dx(), canvas.Dy()))
	at := img.Bounds().Sub(canvas.Min)
	draw.Draw(out, at, img, img.Bounds().Min, draw.Src)
	return out
}

// completed gives every possible index a color: those beyond the palette are transparent.
func completed(p *image.Paletted) *image.Paletted {
	palette := make(color.Palette, 256)
	for i := copy(palette, p.Palette); i < len(palette); i++ {
		palette[i] = color.NRGBA{}
	}
	return &image.Paletted{Pix: p.Pix, Stride: p.Stride, Rect: p.Rect, Palette: palette}
}

// sound tells whether img is of a kind that the imaging library reads directly and has all the pixels it claims.
func sound(img image.Image) bool {
	if img.Bounds().Min != (image.Point{}) {
		return false
	}
	size := img.Bounds().Size()
	has := func(pix []uint8, stride, bytesPerPixel int) bool {
		row := size.X * bytesPerPixel
		return stride >= row && len(pix) >= stride*(size.Y-1)+row
	}
	switch img := img.(type) {
	case *image.NRGBA:
		return has(img.Pix, img.Stride, 4)
	case *image.RGBA:
		return has(img.Pix, img.Stride, 4)
	case *image.NRGBA64:
		return has(img.Pix, img.Stride, 8)
	case *image.RGBA64:
		return has(img.Pix, img.Stride, 8)
	case *image.Gray:
		return has(img.Pix, img.Stride, 1)
	case *image.Gray16:
		return has(img.Pix, img.Stride, 2)
	case *image.Paletted:
		return has(img.Pix, img.Stride, 1) && len(img.Palette) == 256
	case *image.YCbCr:
		last := img.COffset(size.X-1, size.Y-1)
		return has(img.Y, img.YStride, 1) && last < len(img.Cb) && last < len(img.Cr)
	}
	return false
}
