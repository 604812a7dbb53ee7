package thumbnail

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"testing"

	"github.com/disintegration/imaging"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/thumbnail/imagetest"
)

// alike is the least structural similarity to what Lanczos alone makes of the original.
const alike = 0.98

func TestTheDraftCannotBeSeen(t *testing.T) {
	t.Parallel()
	photo, edges := tiled(2560, 420, imagetest.Photo(640, 420, 7)), imagetest.Edges(2560, 420)
	odd := imagetest.Edges(2777, 401)
	odd3 := completed(drawn(image.NewPaletted(odd.Rect, palette(odd)), odd))
	for name, img := range map[string]image.Image{
		"photo":                       photo,
		"photo, JPEG":                 lossy(t, photo),
		"photo, odd and by four":      lossy(t, tiled(5311, 203, photo)),
		"photo, gray":                 drawn(image.NewGray(photo.Rect), photo),
		"photo, 4:4:4":                unsubsampled(photo),
		"edges":                       edges,
		"edges, JPEG":                 lossy(t, edges),
		"edges, odd":                  imagetest.Edges(3101, 347),
		"edges, colors times opacity": drawn(image.NewRGBA(edges.Rect), edges),
		"edges, paletted":             completed(drawn(image.NewPaletted(edges.Rect, palette(edges)), edges)),
		"edges, partly transparent":   holed(edges),
		"edges, odd, paletted":        odd3,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			size := img.Bounds().Size()
			smaller, release := draft(img, fit(size, 1024))
			require.Less(t, smaller.Bounds().Dx(), size.X, "a draft is made")
			release()
			shrunk := img
			for i := len(Sizes) - 1; i >= 0; i-- {
				thumbnail := fit(size, Sizes[i].Box)
				pixels := shrink(shrunk, thumbnail)
				plain := imaging.Resize(img, thumbnail.X, thumbnail.Y, imaging.Lanczos)
				likeness := ssim(plain, pixels)
				t.Logf("%s: %.4f", Sizes[i].Name, likeness)
				require.GreaterOrEqual(t, likeness, alike)
				shrunk = pixels
			}
		})
	}
}

func TestACarelessDraftWouldBeSeen(t *testing.T) {
	t.Parallel()
	img := imagetest.Edges(2560, 420)
	plain := imaging.Resize(img, 1024, 168, imaging.Lanczos)
	require.InDelta(t, 1, ssim(plain, plain), 1e-9)
	skipping := imaging.Resize(img, 1280, 210, imaging.NearestNeighbor)
	require.Less(t, ssim(plain, imaging.Resize(skipping, 1024, 168, imaging.Lanczos)), alike)
}

// What can't be seen tints nothing: red under full transparency, beside opaque blue.
func TestADraftWeighsColorsByOpacity(t *testing.T) {
	t.Parallel()
	img := image.NewNRGBA(image.Rect(0, 0, 1600, 1600))
	for i := 0; i < len(img.Pix); i += 8 {
		copy(img.Pix[i:], []byte{255, 0, 0, 0, 0, 0, 255, 255})
	}
	smaller, release := draft(img, image.Pt(640, 640))
	defer release()
	require.Equal(t, image.Pt(800, 800), smaller.Bounds().Size())
	require.Equal(t, color.NRGBA{B: 255, A: 128}, smaller.At(400, 400))
}

// tiled repeats a picture, which takes less time than to make a large one.
func tiled(width, height int, img *image.NRGBA) *image.NRGBA {
	out := image.NewNRGBA(image.Rect(0, 0, width, height))
	for x := 0; x < width; x += img.Rect.Dx() {
		draw.Draw(out, img.Rect.Add(image.Pt(x, 0)), img, image.Point{}, draw.Src)
	}
	return out
}

func lossy(t *testing.T, img image.Image) image.Image {
	t.Helper()
	size := img.Bounds().Size()
	src := &source{ctx: t.Context(), r: bytes.NewReader(imagetest.Encoded(t, "jpeg", img))}
	decoded, err := decode(src, header{format: "jpeg", width: size.X, height: size.Y})
	require.NoError(t, err)
	require.Equal(t, image.YCbCrSubsampleRatio420, decoded.(*image.YCbCr).SubsampleRatio)
	return decoded
}

func drawn[I draw.Image](on I, img image.Image) I {
	draw.Draw(on, on.Bounds(), img, image.Point{}, draw.Src)
	return on
}

func unsubsampled(img *image.NRGBA) image.Image {
	out := image.NewYCbCr(img.Rect, image.YCbCrSubsampleRatio444)
	for i := range out.Y {
		p := img.Pix[4*i:]
		out.Y[i], out.Cb[i], out.Cr[i] = color.RGBToYCbCr(p[0], p[1], p[2])
	}
	return out
}

// palette has the colors of a drawing with few of them.
func palette(img *image.NRGBA) (colors color.Palette) {
	known := map[color.NRGBA]bool{}
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			if c := img.NRGBAAt(x, y); !known[c] {
				known[c] = true
				colors = append(colors, c)
			}
		}
	}
	return colors
}

func holed(img *image.NRGBA) image.Image {
	out := drawn(image.NewNRGBA(img.Rect), img)
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			if (x/97+y/61)%3 == 0 {
				out.Pix[out.PixOffset(x, y)+3] = 0
			}
		}
	}
	return out
}

func TestTheProportionsAreKept(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ size, want image.Point }{
		{image.Pt(4032, 3024), image.Pt(1024, 768)},
		{image.Pt(3024, 4032), image.Pt(768, 1024)},
		{image.Pt(6000, 4000), image.Pt(1024, 683)},
		{image.Pt(300, 200), image.Pt(300, 200)},
		{image.Pt(50_000, 3), image.Pt(1024, 1)},
	} {
		require.Equal(t, test.want, fit(test.size, 1024), fmt.Sprint(test.size))
	}
}
