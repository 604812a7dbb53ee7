package imagetest

import (
	"image"
	"image/color"
	"math"
	"math/rand/v2"
)

// Photo is a scene as a camera sees one: surfaces of every scale, whose contrast falls with their size, a horizon and
// some grain. The same seed makes the same picture.
func Photo(width, height int, seed uint64) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	random := rand.New(rand.NewPCG(seed, 1))
	const octaves = 9
	var fields [3][octaves]field
	var contrast [octaves]float64
	for o := range contrast {
		contrast[o] = 110 / math.Pow(1.7, float64(o))
	}
	for channel := range fields {
		for o := range octaves {
			fields[channel][o] = newField(random)
		}
	}
	largest := float64(max(width, height))
	for y := range height {
		for x := range width {
			grain := random.Float64()*6 - 3
			var rgb [3]float64
			for o := range octaves {
				scale := float64(int(2)<<o) / largest
				light := fields[0][o].at(float64(x)*scale, float64(y)*scale)
				for channel := range rgb {
					v := light
					if o < 4 && channel > 0 { // hue varies slower than light
						v += 0.6 * fields[channel][o].at(float64(x)*scale, float64(y)*scale)
					}
					rgb[channel] += v * contrast[o]
				}
			}
			if horizon := height*2/5 + int(20*fields[0][3].at(float64(x)*8/largest, 0)); y < horizon {
				rgb[2] += 60
			}
			i := img.PixOffset(x, y)
			for channel, v := range rgb {
				img.Pix[i+channel] = uint8(min(max(v+110+grain, 0), 255))
			}
			img.Pix[i+3] = 255
		}
	}
	return img
}

// field is smooth noise between -1 and 1, which repeats after 64.
type field [64 * 64]float32

func newField(random *rand.Rand) (f field) {
	for i := range f {
		f[i] = random.Float32()*2 - 1
	}
	return f
}

func (f *field) at(x, y float64) float64 {
	left, top := math.Floor(x), math.Floor(y)
	dx, dy := x-left, y-top
	dx, dy = dx*dx*(3-2*dx), dy*dy*(3-2*dy)
	corner := func(x, y int) float64 { return float64(f[(y&63)<<6|x&63]) }
	i, j := int(left), int(top)
	above := corner(i, j)*(1-dx) + corner(i+1, j)*dx
	below := corner(i, j+1)*(1-dx) + corner(i+1, j+1)*dx
	return above*(1-dy) + below*dy
}

// Edges is what a screenshot or a drawing has: lines one pixel wide and more, boards of squares, disks and diagonals, in
// full contrast.
func Edges(width, height int) *image.NRGBA {
	img := Plain(width, height, color.NRGBA{R: 250, G: 250, B: 245, A: 255})
	ink := [4]color.NRGBA{{A: 255}, Red, Blue, {R: 20, G: 130, B: 60, A: 255}}
	cell := max(width/12, 8)
	for y := range height {
		for x := range width {
			column, row := x/cell, y/cell
			u, v := x%cell, y%cell
			var drawn bool
			switch (column + row*5) % 6 {
			case 0: // lines that stand closer and closer
				drawn = u*u/cell%12 < 4
			case 1: // a board
				drawn = (u/(cell/6+1)+v/(cell/6+1))%2 == 0
			case 2: // a disk
				du, dv := u-cell/2, v-cell/2
				drawn = du*du+dv*dv < cell*cell/6
			case 3: // diagonals
				drawn = (u+2*v)%(cell/3+1) < cell/12+1
			case 4: // a frame
				drawn = u < 3 || v < 3 || u > cell-4 || v > cell-4
			case 5: // what looks like lines of text
				drawn = v%(cell/8+1) < cell/16+1 && (u*7919+v/(cell/8+1)*104729)/(cell/10+1)%3 != 0
			}
			if drawn {
				img.SetNRGBA(x, y, ink[(column*3+row)%len(ink)])
			}
		}
	}
	return img
}
