package thumbnail

import (
	"image"

	"github.com/bep/imagemeta"
	"github.com/disintegration/imaging"
)

// orientation reads how the camera was held, as EXIF's tag has it: 1 to 8, where 1 is upright. An image without the tag,
// or with one that can't be read, is upright.
func orientation(src *source, format string) int {
	formats := map[string]imagemeta.ImageFormat{
		"jpeg": imagemeta.JPEG, "png": imagemeta.PNG, "webp": imagemeta.WebP, "tiff": imagemeta.TIFF,
	}
	f, known := formats[format]
	if !known || src.rewind() != nil {
		return 1
	}
	turn := 1
	// Metadata that can't be read is no reason against a thumbnail, and an error of the source shows in src.
	_, _ = imagemeta.Decode(imagemeta.Options{
		R: src, ImageFormat: f, Sources: imagemeta.EXIF,
		ShouldHandleTag: func(tag imagemeta.TagInfo) bool {
			return tag.Tag == "Orientation" && tag.Namespace == "IFD0"
		},
		HandleTag: func(tag imagemeta.TagInfo) error {
			if n, ok := tag.Value.(uint16); ok && n >= 1 && n <= 8 {
				turn = int(n)
			}
			return imagemeta.ErrStopWalking
		},
	})
	return turn
}

// upright turns img by its orientation. It is done to the thumbnail: turning the original would copy it.
func upright(img *image.NRGBA, orientation int) *image.NRGBA {
	switch orientation {
	case 2:
		return imaging.FlipH(img)
	case 3:
		return imaging.Rotate180(img)
	case 4:
		return imaging.FlipV(img)
	case 5:
		return imaging.Transpose(img)
	case 6:
		return imaging.Rotate270(img)
	case 7:
		return imaging.Transverse(img)
	case 8:
		return imaging.Rotate90(img)
	}
	return img
}
