package tinygguf

import (
	"math"
	"math/rand"
)

func randomChat(r *rand.Rand, dim, layers int) ([]kv, []tensor) {
	v := chatVocab()
	const heads, ctx, always = 4, 4096, 8
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
	embd, out := gauss(1)(n), gauss(2*std)(n)
	// The first dimension is large and positive whatever was said before; the end token reads it alone, as a no. So the
	// model goes on until it is stopped.
	for t := range v.tokens {
		embd[t*dim] = always
	}
	clear(out[eos*dim : (eos+1)*dim])
	out[eos*dim] = -always
	return llamaKV("tiny-random", v, dim, layers, 4*dim, heads, dim/heads, ctx),
		llamaTensors(v, embd, out, 1, gauss(std), dim, layers, 4*dim, heads, dim/heads)
}
