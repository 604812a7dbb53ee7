package thumbnail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"rohrpost/internal/fault"
	"rohrpost/internal/thumbnail"
	"rohrpost/internal/thumbnail/imagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func made(t *testing.T, content []byte) []thumbnail.Thumbnail {
	t.Helper()
	thumbs, err := thumbnail.New(thumbnail.Config{}).Make(t.Context(), bytes.NewReader(content))
	require.NoError(t, err)
	require.Len(t, thumbs, 3)
	return thumbs
}

func pixels(t *testing.T, thumb thumbnail.Thumbnail) image.Image {
	t.Helper()
	img, format, err := image.Decode(bytes.NewReader(thumb.Content))
	require.NoError(t, err)
	require.Equal(t, thumb.MediaType, "image/"+format)
	require.Equal(t, image.Pt(thumb.Width, thumb.Height), img.Bounds().Size())
	return img
}

// near compares colors as a lossy encoder would.
func near(t *testing.T, want color.NRGBA, got color.Color) {
	t.Helper()
	g := color.NRGBAModel.Convert(got).(color.NRGBA)
	for _, d := range [][2]uint8{{want.R, g.R}, {want.G, g.G}, {want.B, g.B}, {want.A, g.A}} {
		require.InDelta(t, d[0], d[1], 12, "%v, want %v", g, want)
	}
}

func TestEachFormatGetsThreeSizes(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"jpeg", "png", "gif", "webp", "bmp", "tiff"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			require.True(t, thumbnail.Supports("image/"+format))
			thumbs := made(t, imagetest.Encoded(t, format, imagetest.Halves(1200, 300)))
			for i, want := range []struct {
				name          string
				width, height int
			}{{"small", 128, 32}, {"medium", 512, 128}, {"large", 1024, 256}} {
				require.Equal(t, want.name, thumbs[i].Name)
				require.Equal(t, []int{want.width, want.height}, []int{thumbs[i].Width, thumbs[i].Height})
				require.Equal(t, "image/jpeg", thumbs[i].MediaType)
				img := pixels(t, thumbs[i])
				near(t, imagetest.Red, img.At(want.width/4, want.height/2))
				if format != "webp" { // the sample has one color
					near(t, imagetest.Blue, img.At(want.width*3/4, want.height/2))
				}
			}
		})
	}
	require.False(t, thumbnail.Supports("image/svg+xml"))
}

func TestASmallImageIsNotBlownUp(t *testing.T) {
	t.Parallel()
	for _, thumb := range made(t, imagetest.Encoded(t, "png", imagetest.Halves(200, 100)))[1:] {
		require.Equal(t, []int{200, 100}, []int{thumb.Width, thumb.Height})
	}
	for _, thumb := range made(t, imagetest.Encoded(t, "png", imagetest.Halves(5000, 1))) { // and never flattened to nothing
		require.Equal(t, 1, thumb.Height)
	}
}

func TestTransparencyMakesPNG(t *testing.T) {
	t.Parallel()
	half := color.NRGBA{R: 200, A: 100}
	for _, content := range [][]byte{
		imagetest.WebP(300, 300, half),
		imagetest.Encoded(t, "png", imagetest.Plain(300, 300, half)),
	} {
		for _, thumb := range made(t, content) {
			require.Equal(t, "image/png", thumb.MediaType)
			near(t, half, pixels(t, thumb).At(5, 5))
		}
	}
}

func TestOrientations(t *testing.T) {
	t.Parallel()
	// Where red, the left half of the stored image, ends up.
	for orientation, where := range []string{1: "left", "right", "right", "left", "top", "top", "bottom", "bottom"} {
		if orientation == 0 {
			continue
		}
		t.Run(fmt.Sprint(orientation), func(t *testing.T) {
			t.Parallel()
			thumb := made(t, imagetest.Turned(t, imagetest.Halves(800, 400), byte(orientation)))[0]
			at := map[string]image.Point{
				"left": {10, 32}, "right": {118, 32}, "top": {32, 10}, "bottom": {32, 118},
			}[where]
			size := []int{128, 64}
			if orientation > 4 {
				size = []int{64, 128}
			}
			require.Equal(t, size, []int{thumb.Width, thumb.Height})
			near(t, imagetest.Red, pixels(t, thumb).At(at.X, at.Y))
		})
	}
}

// Not parallel: it counts what the process allocates.
func TestTheHeaderDecidesBeforeAPixelIsDecoded(t *testing.T) {
	for name, content := range map[string][]byte{
		"PNG":                  imagetest.HugePNG(30_000, 30_000),
		"WebP":                 imagetest.WebP(16_384, 16_384, imagetest.Red),
		"GIF of 10,000 frames": imagetest.Animation(100, 100, 10_000),
	} {
		t.Run(name, func(t *testing.T) {
			require.Less(t, len(content), 1<<20)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := thumbnail.New(thumbnail.Config{}).Make(t.Context(), bytes.NewReader(content))
			runtime.ReadMemStats(&after)
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
			require.Contains(t, fault.Message(err), "too large for thumbnails")
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20))
		})
	}
}

func TestTheLimitIsExact(t *testing.T) {
	t.Parallel()
	m := thumbnail.New(thumbnail.Config{MaxPixels: 100 * 50 * 4})
	for _, test := range []struct {
		content []byte
		fits    bool
	}{
		{imagetest.Encoded(t, "png", imagetest.Halves(200, 100)), true},
		{imagetest.Encoded(t, "png", imagetest.Halves(201, 100)), false},
		{imagetest.Animation(100, 50, 4), true},
		{imagetest.Animation(100, 50, 5), false},
	} {
		_, err := m.Make(t.Context(), bytes.NewReader(test.content))
		require.Equal(t, test.fits, err == nil, "%v", err)
	}
}

func TestOfAnAnimationTheFirstFrameIsShownOnItsCanvas(t *testing.T) {
	t.Parallel()
	thumbs := made(t, imagetest.Animation(40, 20, 1_000))
	require.Equal(t, []int{40, 20}, []int{thumbs[0].Width, thumbs[0].Height})
	img := pixels(t, thumbs[0])
	near(t, imagetest.Red, img.At(0, 0))
	near(t, color.NRGBA{}, img.At(20, 10))
}

func TestBrokenImages(t *testing.T) {
	t.Parallel()
	whole := map[string][]byte{}
	for _, format := range []string{"jpeg", "png", "gif", "webp", "bmp", "tiff"} {
		whole[format] = imagetest.Encoded(t, format, imagetest.Halves(300, 300))
	}
	m := thumbnail.New(thumbnail.Config{})
	for format, content := range whole {
		for _, part := range []int{0, 1, 3, 8, 12, len(content) / 3, len(content) * 2 / 3} {
			_, err := m.Make(t.Context(), bytes.NewReader(content[:min(part, len(content))]))
			require.Equal(t, fault.Invalid, fault.CodeOf(err), "%s cut to %d: %v", format, part, err)
		}
	}
	for _, content := range []string{"plain text", "<svg xmlns='http://www.w3.org/2000/svg'/>", "GIF89a", "GIF89a=1;alert(1)"} {
		_, err := m.Make(t.Context(), strings.NewReader(content))
		require.Equal(t, fault.Invalid, fault.CodeOf(err), content)
	}
	polyglot := append(append([]byte{}, whole["jpeg"]...), "PK\x03\x04 and the rest of a zip"...)
	require.Len(t, made(t, polyglot), 3)
}

func TestAStorageThatFailsIsNotADamagedImage(t *testing.T) {
	t.Parallel()
	content := imagetest.Encoded(t, "jpeg", imagetest.Halves(600, 600))
	down := fault.New(fault.Unavailable, "the disk is gone")
	for _, after := range []int64{0, 100, int64(len(content)) - 100} {
		r := &failing{ReadSeeker: bytes.NewReader(content), left: after, err: down}
		_, err := thumbnail.New(thumbnail.Config{}).Make(t.Context(), r)
		require.ErrorIs(t, err, down)
		require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	}
}

type failing struct {
	io.ReadSeeker
	left int64
	err  error
}

func (f *failing) Read(p []byte) (int, error) {
	if f.left <= 0 {
		return 0, f.err
	}
	n, err := f.ReadSeeker.Read(p[:min(int64(len(p)), f.left)])
	f.left -= int64(n)
	return n, err
}

func TestItEndsWithTheContext(t *testing.T) {
	t.Parallel()
	m := thumbnail.New(thumbnail.Config{Parallel: 1})
	content := imagetest.Encoded(t, "jpeg", imagetest.Halves(600, 600))
	stopped := errors.New("somebody pressed stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	reads := 0
	_, err := m.Make(ctx, &counting{ReadSeeker: bytes.NewReader(content), read: func() {
		if reads++; reads == 3 {
			cancel(stopped)
		}
	}})
	require.ErrorIs(t, err, stopped)
	_, err = m.Make(ctx, bytes.NewReader(content))
	require.ErrorIs(t, err, stopped)
}

type counting struct {
	io.ReadSeeker
	read func()
}

func (c *counting) Read(p []byte) (int, error) {
	c.read()
	return c.ReadSeeker.Read(p)
}
