package thumbnail

import (
	"image"
	"math"
)

// ssim is the mean structural similarity of the brightness of two images of one size, by Wang, Bovik, Sheikh and
// Simoncelli (2004): 1 for equal ones. As there, the windows are Gaussian, 11 pixels wide, deviation 1.5.
func ssim(a, b *image.NRGBA) float64 {
	const c1, c2 = (0.01 * 255) * (0.01 * 255), (0.03 * 255) * (0.03 * 255)
	x, y := brightness(a), brightness(b)
	size := a.Rect.Size()
	product := func(p, q []float64) []float64 {
		out := make([]float64, len(p))
		for i := range p {
			out[i] = p[i] * q[i]
		}
		return out
	}
	meanX, meanY := blurred(x, size), blurred(y, size)
	xx, yy, xy := blurred(product(x, x), size), blurred(product(y, y), size), blurred(product(x, y), size)
	var sum float64
	for i := range meanX {
		mx, my := meanX[i], meanY[i]
		varX, varY, both := xx[i]-mx*mx, yy[i]-my*my, xy[i]-mx*my
		sum += (2*mx*my + c1) * (2*both + c2) / ((mx*mx + my*my + c1) * (varX + varY + c2))
	}
	return sum / float64(len(meanX))
}

func brightness(img *image.NRGBA) []float64 {
	out := make([]float64, 0, len(img.Pix)/4)
	for i := 0; i < len(img.Pix); i += 4 {
		p := img.Pix[i : i+4]
		out = append(out, (0.299*float64(p[0])+0.587*float64(p[1])+0.114*float64(p[2]))*float64(p[3])/255)
	}
	return out
}

// blurred weighs each value with its neighbours; at the border the last one stands for those beyond.
func blurred(values []float64, size image.Point) []float64 {
	var weights [11]float64
	var total float64
	for i := range weights {
		d := float64(i - 5)
		weights[i] = math.Exp(-d * d / (2 * 1.5 * 1.5))
		total += weights[i]
	}
	for i := range weights {
		weights[i] /= total
	}
	// Each pass leaves its lines as columns, so that the second one goes the other way and puts them right again.
	pass := func(in []float64, size image.Point) []float64 {
		out := make([]float64, len(in))
		line := make([]float64, size.X+10)
		for y := range size.Y {
			row := in[y*size.X:][:size.X]
			for i := range 5 {
				line[i], line[5+size.X+i] = row[0], row[size.X-1]
			}
			copy(line[5:], row)
			for x := range size.X {
				var sum float64
				for i, v := range line[x : x+11] {
					sum += weights[i] * v
				}
				out[x*size.Y+y] = sum
			}
		}
		return out
	}
	return pass(pass(values, size), image.Pt(size.Y, size.X))
}
