package thumbnail

import (
	"image"
	"sync"
)

// draftSides is how many times as large as a thumbnail its draft is at least, per side. Averaging blurs what is about as
// fine as the thumbnail's pixels; TestTheDraftCannotBeSeen holds what that may cost.
const draftSides = 1.25

// draftFrom is the number of pixels from which on a draft is made: below, Lanczos takes a few milliseconds.
const draftFrom = 1 << 20

// draft is img averaged over squares of pixels, as large as leaves it draftSides times the size of the thumbnail. That
// costs an addition a sample, where Lanczos costs some twenty multiplications, and happens in the image's own colors, so
// that the draft's pixels alone are converted. Images of rarer kinds come back as they are.
//
// The draft's memory is lent: after release nothing of it may be used.
func draft(img image.Image, thumbnail image.Point) (smaller image.Image, release func()) {
	size := img.Bounds().Size()
	side := int(min(float64(size.X)/float64(thumbnail.X), float64(size.Y)/float64(thumbnail.Y)) / draftSides)
	if size.X*size.Y < draftFrom {
		return img, func() {}
	}
	switch img := img.(type) {
	case *image.YCbCr:
		across, down := subsampling(img.SubsampleRatio)
		// Squares that hold whole samples of color only.
		if side -= side % max(across, down); side >= 2 {
			return draftYCbCr(img, side, across, down)
		}
	case *image.Gray:
		if side >= 2 {
			out := cells(size, side)
			pix := borrow(out.Dx() * out.Dy())
			average(*pix, out.Size(), img.Pix, img.Stride, size)
			return &image.Gray{Pix: *pix, Stride: out.Dx(), Rect: out}, func() { lent.Put(pix) }
		}
	case *image.RGBA, *image.NRGBA, *image.Paletted:
		if side >= 2 {
			out := cells(size, side)
			pix := borrow(4 * out.Dx() * out.Dy())
			small := &image.NRGBA{Pix: *pix, Stride: 4 * out.Dx(), Rect: out}
			averageColors(small, rowsOf(img), size)
			return small, func() { lent.Put(pix) }
		}
	}
	return img, func() {}
}

func draftYCbCr(img *image.YCbCr, side, across, down int) (*image.YCbCr, func()) {
	size := img.Rect.Size()
	out := cells(size, side)
	area := out.Dx() * out.Dy()
	pix := borrow(3 * area)
	small := &image.YCbCr{
		Y: (*pix)[:area], YStride: out.Dx(), Cb: img.Cb, Cr: img.Cr, CStride: img.CStride,
		SubsampleRatio: image.YCbCrSubsampleRatio444, Rect: out,
	}
	average(small.Y, out.Size(), img.Y, img.YStride, size)
	colors := image.Pt((size.X+across-1)/across, (size.Y+down-1)/down)
	if colors == out.Size() { // a sample of color for each pixel of the draft, as they are
		return small, func() { lent.Put(pix) }
	}
	small.Cb, small.Cr, small.CStride = (*pix)[area:2*area], (*pix)[2*area:], out.Dx()
	average(small.Cb, out.Size(), img.Cb, img.CStride, colors)
	average(small.Cr, out.Size(), img.Cr, img.CStride, colors)
	return small, func() { lent.Put(pix) }
}

// cells is the area that an image of a size takes when squares become pixels. Where they don't fit in evenly, some of
// them are larger by a pixel; see [borders].
func cells(size image.Point, side int) image.Rectangle {
	return image.Rect(0, 0, size.X/side, size.Y/side)
}

// subsampling is how many pixels share a sample of color, across and down.
func subsampling(ratio image.YCbCrSubsampleRatio) (across, down int) {
	switch ratio {
	case image.YCbCrSubsampleRatio422:
		return 2, 1
	case image.YCbCrSubsampleRatio420:
		return 2, 2
	case image.YCbCrSubsampleRatio440:
		return 1, 2
	case image.YCbCrSubsampleRatio411:
		return 4, 1
	case image.YCbCrSubsampleRatio410:
		return 4, 2
	}
	return 1, 1
}

// lent keeps the memory of drafts for the next ones.
var lent sync.Pool

func borrow(size int) *[]byte {
	if pix, ok := lent.Get().(*[]byte); ok && cap(*pix) >= size {
		*pix = (*pix)[:size]
		return pix
	}
	pix := make([]byte, size)
	return &pix
}
