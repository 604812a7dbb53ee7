package reports

import (
	"math"
	"strconv"
)

// The measures of charts, in units of their viewBox. One that stands beside its table is drawn narrow, so that its text
// is no smaller than that of the others.
const (
	wideChart   = 860
	narrowChart = 500
	columnsHigh = 240
	rowHigh     = 26
	axisHigh    = 26 // below
	scaleWide   = 62 // left of columns
	valueWide   = 84 // right of rows
	topGap      = 10
	glyphWide   = 7.6 // of a letter, in a font that is not narrow
	scaleMarks  = 4
)

// px is a length or place in a chart.
type px float64

func (p px) String() string { return strconv.FormatFloat(float64(p), 'f', 2, 64) }

// mark is something that is drawn: a rect, line, text or circle.
type mark struct {
	Shape        string
	Class        string
	X, Y, W, H   px // of a line W and H are its other end
	Anchor, Text string
	Tip          string // what a pointer is told that rests on it
}

// drawing is a chart. It is drawn by the template of the same name.
type drawing struct {
	ID, Title, Desc string
	Width, Height   int
	Marks           []mark
}

func (d *drawing) text(x, y float64, anchor, text string) {
	d.Marks = append(d.Marks, mark{Shape: "text", X: px(x), Y: px(y), Anchor: anchor, Text: text})
}

func (d *drawing) line(x1, y1, x2, y2 float64, class string) {
	d.Marks = append(d.Marks, mark{Shape: "line", Class: class, X: px(x1), Y: px(y1), W: px(x2), H: px(y2)})
}

func (d *drawing) rect(x, y, w, h float64, class, tip string) {
	d.Marks = append(d.Marks, mark{Shape: "rect", Class: class, X: px(x), Y: px(y), W: px(w), H: px(h), Tip: tip})
}

func (d *drawing) circle(x, y float64, class, tip string) {
	d.Marks = append(d.Marks, mark{Shape: "circle", Class: class, X: px(x), Y: px(y), Tip: tip})
}

// item is a column or row of a chart: its name, and the values that lie one on the other.
type item struct {
	label  string
	values []float64
}

func (i item) sum() (sum float64) {
	for _, v := range i.values {
		sum += v
	}
	return sum
}

// plot is what the charts have in common.
type plot struct {
	id, title, desc string
	series          []string // the names of the values of each item
	items           []item
	show            func(float64) string
	inBytes         bool // the scale counts in 1024s
	narrow          bool
}

func (p plot) width() float64 {
	if p.narrow {
		return narrowChart
	}
	return wideChart
}

// labelWidth is the room left of rows, and how much of a name goes into it.
func (p plot) labelWidth() (wide float64, runes int) {
	wide = p.width() * 0.27
	return wide, int(wide / glyphWide)
}

func (p plot) largest() (most float64) {
	for _, i := range p.items {
		most = max(most, i.sum())
	}
	return most
}

func (p plot) empty() bool { return p.largest() == 0 }

func (p plot) drawing(height int) *drawing {
	return &drawing{ID: p.id, Title: p.title, Desc: p.desc, Width: int(p.width()), Height: height}
}

func (p plot) tip(i item, at int) string {
	name := i.label
	if len(p.series) > 1 {
		name += ", " + p.series[at]
	}
	return name + ": " + p.show(i.values[at])
}

// seriesClass is the colour of a series.
func seriesClass(i int) string { return string(rune('a' + i)) }

// columns draws items from left to right as time goes.
func (p plot) columns() *drawing {
	d := p.drawing(columnsHigh)
	const left, top, bottom = scaleWide, topGap, columnsHigh - axisHigh
	right := p.width() - 4
	end, step := scale(p.largest(), p.inBytes)
	y := func(v float64) float64 { return bottom - v/end*(bottom-top) }
	for v := 0.0; v <= end*1.0001; v += step {
		d.line(left, y(v), right, y(v), "grid")
		d.text(left-8, y(v)+4, "end", p.show(v))
	}
	slot := (right - left) / float64(len(p.items))
	wide := min(slot*0.72, 56)
	every := int(math.Ceil(58 / slot)) // a date is so wide
	for n, i := range p.items {
		middle := left + slot*(float64(n)+0.5)
		from := 0.0
		for at, v := range i.values {
			if v > 0 {
				d.rect(middle-wide/2, y(from+v), wide, y(from)-y(from+v), seriesClass(at), p.tip(i, at))
			}
			from += v
		}
		if n%every == 0 {
			d.text(middle, bottom+18, "middle", i.label)
		}
	}
	d.line(left, bottom, right, bottom, "axis")
	return d
}

// rows draws items one below the other, with their sums.
func (p plot) rows() *drawing {
	d := p.drawing(len(p.items)*rowHigh + topGap)
	left, runes := p.labelWidth()
	right, most := p.width()-valueWide, p.largest()
	for n, i := range p.items {
		top := float64(n*rowHigh) + topGap/2
		d.text(left-8, top+rowHigh*0.66, "end", shortened(i.label, runes))
		x := left
		for at, v := range i.values {
			if wide := v / most * (right - left); wide > 0 {
				d.rect(x, top+4, wide, rowHigh-8, seriesClass(at), p.tip(i, at))
				x += wide
			}
		}
		d.text(x+6, top+rowHigh*0.66, "start", p.show(i.sum()))
	}
	d.line(left, topGap/2, left, float64(d.Height)-topGap/2, "axis")
	return d
}

// least is the shortest time that a logarithmic scale tells from none.
const least = 0.001

// spans draws the three percentiles of each item on a logarithmic scale of seconds, since some jobs take a thousand times
// as long as others.
func (p plot) spans() *drawing {
	d := p.drawing(len(p.items)*rowHigh + topGap + axisHigh)
	left, runes := p.labelWidth()
	right := p.width() - 24
	bottom := float64(d.Height - axisHigh)
	low, high := math.Inf(1), least
	for _, i := range p.items {
		low, high = min(low, i.values[0]), max(high, i.values[len(i.values)-1])
	}
	first, last := math.Floor(math.Log10(max(low, least))), math.Ceil(math.Log10(high))
	if last == first {
		last++
	}
	x := func(v float64) float64 { return left + (math.Log10(max(v, least))-first)/(last-first)*(right-left) }
	for e := first; e <= last; e++ {
		v := math.Pow(10, e)
		d.line(x(v), topGap/2, x(v), bottom, "grid")
		d.text(x(v), bottom+18, "middle", decade(v))
	}
	for n, i := range p.items {
		middle := float64(n*rowHigh) + topGap/2 + rowHigh/2
		d.text(left-8, middle+4, "end", shortened(i.label, runes))
		d.line(x(i.values[0]), middle, x(i.values[len(i.values)-1]), middle, "span")
		for at, v := range i.values {
			d.circle(x(v), middle, []string{"p50", "p95", "p99"}[at], p.tip(i, at))
		}
	}
	return d
}

func decade(v float64) string {
	if v < 1 {
		return strconv.FormatFloat(v*1000, 'f', 0, 64) + " ms"
	}
	return strconv.FormatFloat(v, 'f', 0, 64) + " s"
}

// scale returns the end of a scale that reaches most, and the step of its marks, in round numbers.
func scale(most float64, inBytes bool) (end, step float64) {
	unit := 1.0
	if inBytes {
		unit, _ = byteUnit(most)
	}
	rough := most / unit / scaleMarks
	power := math.Pow(10, math.Floor(math.Log10(rough)))
	for _, round := range []float64{1, 2, 5, 10} {
		if step = round * power; step >= rough*0.9999 {
			break
		}
	}
	if unit == 1 {
		step = max(step, 1) // there is no half a job
	}
	step *= unit
	return math.Ceil(most/step-0.0001) * step, step
}
