package cli

import (
	"bytes"
	_ "embed"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"math"
	"os"
	"text/template"
)

var (
	//go:embed tour.txt
	tourText string
	// tourCommands are also in the README; a test compares them.
	//go:embed tour.sh.txt
	tourCommands string
)

// tour is what `rohrpost dev` prints once it is up.
type tour struct {
	URL      string
	Admin    string
	Password string
	Data     string // the folder of the private servers
	Sample   string // a picture to upload
	Program  string // this one, as a shell finds it
	// Prometheus is the address of one that watches, where there is one.
	Prometheus string
	// Environment is a file that tells a shell where the servers are.
	Environment string
	Notes       []string // what is not as in production
}

func (t tour) print(w io.Writer) error {
	text := template.Must(template.New("tour").Parse(tourText))
	template.Must(text.New("commands").Parse(tourCommands))
	var out bytes.Buffer // one write: the log of a process that is up already must not come between
	if err := text.Execute(&out, t); err != nil {
		return fmt.Errorf("tour: %w", err)
	}
	_, err := out.WriteTo(w)
	return err
}

// writeSample draws rings in two colours to path, for those who have no picture at hand.
func writeSample(path string) error {
	const width, height, ring = 1200, 800, 24.0
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			wave := (1 + math.Sin(math.Hypot(float64(x-width/2), float64(y-height/2))/ring)) / 2
			img.SetRGBA(x, y, color.RGBA{R: uint8(40 + 200*wave), G: uint8(80 + 100*wave), B: 160, A: 255})
		}
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("sample picture: %w", err)
	}
	defer f.Close() //nolint:errcheck // closed below; this is for the error between
	if err := jpeg.Encode(f, img, nil); err != nil {
		return fmt.Errorf("sample picture: %w", err)
	}
	return f.Close()
}
