package tinygguf

import (
	"math"
	"math/rand"
)

func randomChat(r *rand.Rand, dim, layers int) ([]kv, []tensor) {
	v := chatVocab()
	const heads, ctx = 4, 4096
	gauss := func(std float32) func(int) []float32 {
		return func(n int) []float32 {
			s := make([]float32, n)
			for i := range s {
				s[i] = float32(r.NormFloat64()) * std
			}
			return s
		}
	}
	std := float32(1 / math.Sqrt(float64(dim)))
	n := len(v.tokens) * dim
	return llamaKV("tiny-random", v, dim, layers, 4*dim, heads, dim/heads, ctx),
		llamaTensors(v, gauss(1)(n), gauss(2*std)(n), 1, gauss(std), dim, layers, 4*dim, heads, dim/heads)
}
