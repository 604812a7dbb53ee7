package tinygguf

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

// The sums pin the models: tests elsewhere count on what they answer.
func TestModelsAreReproducible(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		model Model
		sum   string
	}{
		"say": {
			Say("Hello from a tiny model. It says the same words each time, and the same words again."),
			"a24e95dc497750e2ca18d713dfc28063c03b0ec62ad0bbf43c43e803fd4ebc63",
		},
		"say forever": {
			SayForever("one two three"),
			"23ffb32e4154b2d581a484bd19e7d68676340f3348bf22892e2dd44f5ab9bccc",
		},
		"markov": {
			Markov("the cat sits on the mat\nthe dog lies on the rug\n"),
			"9ba32ff5469c69085a717443b56606671e290f32bbeb91524465226449355718",
		},
		"random": {Random(0, 0), "d0a1c2452ddc920061f85e41f7eb7edc8dcfe51a1fb7f88a7ca32eb972a6076f"},
		"slow":   {Random(256, 4), "5783d2433bbb3936f1e2d3d258625a192450bd85dbb2dac3f8897d38c417ad97"},
		"embed":  {Embed(), "33ffda62eb3b5bada7e23b535cf7e8f2b276c6d65d594d0d2b0efdd1c02d55ee"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content, err := test.model.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(content)
			if got := hex.EncodeToString(sum[:]); got != test.sum {
				t.Errorf("sha256 %s, want %s", got, test.sum)
			}
		})
	}
}

func TestOnlyEmbedIsAnEmbedder(t *testing.T) {
	t.Parallel()
	if !Embed().Embedder() || Say("x").Embedder() || (Model{}).Embedder() {
		t.Error("Embedder mixes up the models")
	}
}
