package tinygguf

import (
	"math"
	"regexp"
)

var wordRE = regexp.MustCompile(` ?[A-Za-z']+| ?[0-9]+|\n| ?[^A-Za-z0-9\n ]| `)

// bigramChat turns next-token probabilities into weights: the embedding of token t is the
// unit vector e_t (so dim == vocabulary), every layer adds zero, and output[n][t] is
// log P(n|t), so the server's logits are exactly the log probabilities. More and wider layers (ff) only take time.
func bigramChat(name string, v *vocab, next map[int]map[int]float64, layers, ff int) ([]kv, []tensor) {
	const heads, headDim, ctx = 1, 32, 4096
	const floor = -24
	V := len(v.tokens)
	dim := (V + 31) / 32 * 32
	embd, out := make([]float32, V*dim), make([]float32, V*dim)
	for t := 0; t < V; t++ {
		embd[t*dim+t] = 1
		row := next[t]
		if len(row) == 0 {
			row = next[assistant] // a token never seen in the corpus starts a new reply
		}
		var sum float64
		for _, c := range row {
			sum += c
		}
		for n := 0; n < V; n++ {
			out[n*dim+t] = floor
			if c := row[n]; c > 0 {
				out[n*dim+t] = float32(math.Log(c / sum))
			}
		}
	}
	zero := func(n int) []float32 { return make([]float32, n) }
	normW := float32(1 / math.Sqrt(float64(dim))) // undoes RMSNorm's scaling of a unit vector
	return llamaKV(name, v, dim, layers, ff, heads, headDim, ctx),
		llamaTensors(v, embd, out, normW, zero, dim, layers, ff, heads, headDim)
}
