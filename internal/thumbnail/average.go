package thumbnail

import "image"

// borders shares length pixels out evenly among so many cells: cell i has those from borders[i] up to borders[i+1]. What
// is left over goes to cells here and there and not to the last one, since that would shift everything before it.
func borders(length, cells int) []int {
	at := make([]int, cells+1)
	for i := range at {
		at[i] = (2*i*length + cells) / (2 * cells)
	}
	return at
}

// average shrinks a plane of samples to out.X × out.Y means. The plane is size.X × size.Y samples of the rows of pix.
func average(dst []byte, out image.Point, pix []byte, stride int, size image.Point) {
	left, top := borders(size.X, out.X), borders(size.Y, out.Y)
	halved := size.X == 2*out.X   // the most frequent by far
	sums := make([]uint32, out.X) // far from full: 4,000 × 4,000 samples fit in one
	for row := range out.Y {
		clear(sums)
		for y := top[row]; y < top[row+1]; y++ {
			if samples := pix[y*stride:][:size.X]; halved {
				addPairs(sums, samples)
			} else {
				addRuns(sums, samples, left)
			}
		}
		means := dst[row*out.X:][:out.X]
		for x, sum := range sums {
			n := uint32((left[x+1] - left[x]) * (top[row+1] - top[row]))
			means[x] = byte((sum + n/2) / n)
		}
	}
}

func addPairs(sums []uint32, samples []byte) {
	samples = samples[:2*len(sums)]
	for x := range sums {
		sums[x] += uint32(samples[2*x]) + uint32(samples[2*x+1])
	}
}

func addRuns(sums []uint32, samples []byte, left []int) {
	for x := range sums {
		var sum uint32
		for _, v := range samples[left[x]:left[x+1]] {
			sum += uint32(v)
		}
		sums[x] += sum
	}
}

// addColors adds the pixels of row y to the sums of their cells: red, green and blue times opacity, and opacity.
type addColors func(sums [][4]uint64, y int, left []int)

// averageColors shrinks an image to dst; a pixel counts by its opacity, so that what can't be seen tints nothing.
func averageColors(dst *image.NRGBA, add addColors, size image.Point) {
	left, top := borders(size.X, dst.Rect.Dx()), borders(size.Y, dst.Rect.Dy())
	sums := make([][4]uint64, dst.Rect.Dx())
	for row := range dst.Rect.Dy() {
		clear(sums)
		for y := top[row]; y < top[row+1]; y++ {
			add(sums, y, left)
		}
		means := dst.Pix[row*dst.Stride:][:4*len(sums)]
		for x := range sums {
			pixels := uint64((left[x+1] - left[x]) * (top[row+1] - top[row]))
			*(*[4]byte)(means[4*x:]) = mean(&sums[x], pixels)
		}
	}
}

func mean(sum *[4]uint64, pixels uint64) (p [4]byte) {
	opacity := sum[3]
	if opacity == 0 {
		return p
	}
	for i := range 3 {
		p[i] = byte((sum[i] + opacity/2) / opacity)
	}
	p[3] = byte((opacity + pixels/2) / pixels)
	return p
}

// rowsOf reads the kinds of images that [averageColors] is used with.
func rowsOf(img image.Image) addColors {
	switch img := img.(type) {
	case *image.NRGBA:
		return func(sums [][4]uint64, y int, left []int) {
			row := img.Pix[y*img.Stride:]
			for x := range sums {
				sum := &sums[x]
				for cell := row[4*left[x] : 4*left[x+1]]; len(cell) >= 4; cell = cell[4:] {
					a := uint64(cell[3])
					sum[0] += uint64(cell[0]) * a
					sum[1] += uint64(cell[1]) * a
					sum[2] += uint64(cell[2]) * a
					sum[3] += a
				}
			}
		}
	case *image.RGBA: // its colors are times opacity already
		return func(sums [][4]uint64, y int, left []int) {
			row := img.Pix[y*img.Stride:]
			for x := range sums {
				sum := &sums[x]
				for cell := row[4*left[x] : 4*left[x+1]]; len(cell) >= 4; cell = cell[4:] {
					sum[0] += uint64(cell[0]) * 255
					sum[1] += uint64(cell[1]) * 255
					sum[2] += uint64(cell[2]) * 255
					sum[3] += uint64(cell[3])
				}
			}
		}
	case *image.Paletted:
		var table [256][4]uint64
		for i, c := range img.Palette {
			r, g, b, a := c.RGBA() // times opacity, of 16 bits
			table[i] = [4]uint64{uint64(r) * 255 / 257, uint64(g) * 255 / 257, uint64(b) * 255 / 257, uint64(a) / 257}
		}
		return func(sums [][4]uint64, y int, left []int) {
			row := img.Pix[y*img.Stride:]
			for x := range sums {
				for _, index := range row[left[x]:left[x+1]] {
					for i, v := range table[index] {
						sums[x][i] += v
					}
				}
			}
		}
	}
	return nil
}
