package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"rohrpost/internal/bench/trial"
	"rohrpost/internal/thumbnail"
)

const (
	imageWidth, imageHeight = 4000, 3000 // 12 megapixels, as telephones take them
	imageQuality            = 88
	imagesAtOnce            = 2
	vipsWithin              = 2 * time.Minute
)

// paint makes a picture with the soft gradients and the fine grain of a photo.
func (d *desk) paint() error {
	img := image.NewYCbCr(image.Rect(0, 0, imageWidth, imageHeight), image.YCbCrSubsampleRatio420)
	for y := range imageHeight {
		for x := range imageWidth {
			wave := math.Sin(float64(x)/170) + math.Cos(float64(y)/230)
			grain := (x*7919 ^ y*104729) % 17
			img.Y[img.YOffset(x, y)] = uint8(110 + 45*wave + float64(grain))
			img.Cb[img.COffset(x, y)], img.Cr[img.COffset(x, y)] = uint8(x/16), uint8(y/12)
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: imageQuality}); err != nil {
		return err
	}
	d.image = filepath.Join(d.folder, "photo.jpg")
	return os.WriteFile(d.image, b.Bytes(), 0o600)
}

// shrink makes the thumbnails of an image as a worker does, over and over.
func (d *desk) shrink(ctx context.Context, images int, values trial.Values) error {
	photo, err := os.ReadFile(d.image)
	if err != nil {
		return err
	}
	maker := thumbnail.New(thumbnail.Config{Parallel: imagesAtOnce})
	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(imagesAtOnce)
	for range images {
		group.Go(func() error {
			_, err := maker.Make(ctx, bytes.NewReader(photo))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("thumbnails: %w", err)
	}
	values[thumbnailRate] = perSecond(images, began)
	return nil
}

// vips is shrink by libvips, a process for each image and size, as many at once. Where it isn't installed, the figure
// is left out.
func (d *desk) vips(ctx context.Context, images int, values trial.Values) error {
	path, err := exec.LookPath("vipsthumbnail")
	if errors.Is(err, exec.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(imagesAtOnce)
	for n := range images {
		group.Go(func() error {
			for _, size := range thumbnail.Sizes {
				out := filepath.Join(d.folder, fmt.Sprintf("%d-%s.jpg", n, size.Name))
				if err := vipsOnce(ctx, path, d.image, size.Box, out); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	values[thumbnailRate] = perSecond(images, began)
	return nil
}

func vipsOnce(ctx context.Context, program, image string, box int, out string) error {
	ctx, cancel := context.WithTimeout(ctx, vipsWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, image, "--size", strconv.Itoa(box), "-o", out) //nolint:gosec // an installed one
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("vipsthumbnail: %w: %s", err, said)
	}
	return nil
}
