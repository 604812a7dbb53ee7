package thumbnail

import (
	"image"
	"image/color"
	"testing"

	"github.com/disintegration/imaging"
	"github.com/stretchr/testify/require"
)

func TestIndicesBeyondThePaletteDoNotReachTheLibrary(t *testing.T) {
	t.Parallel()
	// What a crafted TIFF decodes to; imaging would panic on a goroutine of its own and end the process.
	img := image.NewPaletted(image.Rect(0, 0, 64, 64), color.Palette{color.White})
	for i := range img.Pix {
		img.Pix[i] = 200
	}
	require.False(t, sound(img))
	whole := completed(img)
	require.True(t, sound(whole))
	require.False(t, imaging.Fit(whole, 10, 10, imaging.Lanczos).Opaque())
}

func TestImagesThatHaveFewerPixelsThanTheySay(t *testing.T) {
	t.Parallel()
	box := image.Rect(0, 0, 10, 10)
	ycc := image.NewYCbCr(box, image.YCbCrSubsampleRatio420)
	require.True(t, sound(ycc))
	ycc.Cr = ycc.Cr[:20]
	gray := image.NewGray(box)
	require.True(t, sound(gray))
	gray.Pix = gray.Pix[:99]
	for _, img := range []image.Image{
		ycc, gray, &image.NRGBA{Rect: box}, &image.RGBA64{Rect: box, Stride: 80, Pix: make([]byte, 799)},
		&image.Gray16{Rect: box, Stride: 1, Pix: make([]byte, 200)}, image.NewCMYK(box), image.NewGray(box.Add(image.Pt(1, 1))),
	} {
		require.False(t, sound(img), "%T", img)
	}
	// Drawn on our own goroutine, where the job engine catches the panic.
	require.Panics(t, func() { redraw(ycc, box) })
	require.NotPanics(t, func() { redraw(image.NewCMYK(box), box) })
}
