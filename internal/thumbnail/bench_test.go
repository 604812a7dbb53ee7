package thumbnail

import (
	"bytes"
	"image"
	"sync"
	"testing"

	"github.com/disintegration/imaging"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/thumbnail/imagetest"
)

var photo = sync.OnceValue(func() *image.NRGBA { return imagetest.Photo(4032, 3024, 1) })

// BenchmarkMake makes the three thumbnails of a photo of 12 megapixels, and of a screenshot; "plain" is Lanczos without a
// draft.
func BenchmarkMake(b *testing.B) {
	for name, content := range map[string][]byte{
		"photo.jpeg":     imagetest.Encoded(b, "jpeg", photo()),
		"screenshot.png": imagetest.Encoded(b, "png", imagetest.Edges(2560, 1440)),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := New(Config{}).Make(b.Context(), bytes.NewReader(content))
				require.NoError(b, err)
			}
		})
		b.Run(name+"/plain", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				plain(b, content)
			}
		})
	}
}

func plain(b *testing.B, content []byte) {
	b.Helper()
	img, err := imaging.Decode(bytes.NewReader(content))
	require.NoError(b, err)
	for i := len(Sizes) - 1; i >= 0; i-- {
		shrunk := imaging.Fit(img, Sizes[i].Box, Sizes[i].Box, imaging.Lanczos)
		_, err := encode(Sizes[i].Name, shrunk)
		require.NoError(b, err)
		img = shrunk
	}
}

// BenchmarkSteps tells where the time goes with a photo.
func BenchmarkSteps(b *testing.B) {
	content := imagetest.Encoded(b, "jpeg", photo())
	src := &source{ctx: b.Context(), r: bytes.NewReader(content)}
	img, err := decode(src, header{format: "jpeg", width: 4032, height: 3024})
	require.NoError(b, err)
	maker := New(Config{})
	large := imaging.Fit(img, 1024, 1024, imaging.Lanczos)
	screenshot := drawn(image.NewRGBA(image.Rect(0, 0, 2560, 1440)), imagetest.Edges(2560, 1440))
	for name, step := range map[string]func(){
		"screenshot draft": func() { _, release := draft(screenshot, image.Pt(1024, 576)); release() },
		"screenshot large": func() { shrink(screenshot, image.Pt(1024, 576)) },
		"screenshot plain": func() { imaging.Fit(screenshot, 1024, 576, imaging.Lanczos) },
		"header":           func() { _ = src.rewind(); _, _ = maker.inspect(src) },
		"orientation":      func() { orientation(src, "jpeg") },
		"decode":           func() { _, _ = decode(src, header{format: "jpeg", width: 4032, height: 3024}) },
		"large":            func() { shrink(img, image.Pt(1024, 768)) },
		"large plain":      func() { imaging.Fit(img, 1024, 1024, imaging.Lanczos) },
		"draft":            func() { _, release := draft(img, image.Pt(1024, 768)); release() },
		"medium":           func() { shrink(large, image.Pt(512, 384)) },
		"encode":           func() { _, _ = encode("large", large) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				step()
			}
		})
	}
}
