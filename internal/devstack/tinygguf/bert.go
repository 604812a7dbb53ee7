package tinygguf

import (
	"fmt"
	"math"
	"math/rand"
)

// embedBert: a word-piece vocabulary of all letter 1-, 2- and 3-grams (at the start of a word and
// inside it), digits and punctuation, each with a seeded random vector; layers with small random
// weights; mean pooling. Equal words give equal pieces, so texts that share words are near.
func embedBert(r *rand.Rand, dim, layers, grams int, noise float32) ([]kv, []tensor) {
	toks := []string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
	add := func(s string) { toks = append(toks, "\u2581"+s, s) } // word start, then inside a word
	for c := rune(33); c < 127; c++ {
		if c < 'A' || c > 'Z' { // the tokenizer lower-cases
			add(string(c))
		}
	}
	var rec func(p string)
	rec = func(p string) {
		if len(p) >= 2 {
			add(p)
		}
		if len(p) < grams {
			for c := 'a'; c <= 'z'; c++ {
				rec(p + string(c))
			}
		}
	}
	rec("")
	const ctx, heads = 512, 4
	V, ff := len(toks), 4*dim
	types := make([]int32, V)
	for i := range types {
		types[i] = typeNormal
		if i < 5 {
			types[i] = typeControl
		}
	}
	g := func(n int, std float32) []float32 {
		s := make([]float32, n)
		for i := range s {
			s[i] = float32(r.NormFloat64()) * std
		}
		return s
	}
	one := func(n int) []float32 {
		s := make([]float32, n)
		for i := range s {
			s[i] = 1
		}
		return s
	}
	embd := g(V*dim, 1)
	for i := 0; i < 5*dim; i++ {
		embd[i] *= 0.1 // [CLS] and [SEP] are in every text
	}
	d, f := uint64(dim), uint64(ff)
	ts := []tensor{
		{"token_embd.weight", []uint64{d, uint64(V)}, embd, true},
		{"token_types.weight", []uint64{d, 2}, make([]float32, 2*dim), false},
		{"position_embd.weight", []uint64{d, ctx}, g(ctx*dim, noise), false},
		{"token_embd_norm.weight", []uint64{d}, one(dim), false},
		{"token_embd_norm.bias", []uint64{d}, make([]float32, dim), false},
	}
	for i := 0; i < layers; i++ {
		b := fmt.Sprintf("blk.%d.", i)
		lin := func(name string, in, out uint64) {
			ts = append(ts,
				tensor{b + name + ".weight", []uint64{in, out}, g(int(in*out), noise/float32(math.Sqrt(float64(in)))), true},
				tensor{b + name + ".bias", []uint64{out}, make([]float32, out), false})
		}
		norm := func(name string) {
			ts = append(ts,
				tensor{b + name + ".weight", []uint64{d}, one(dim), false},
				tensor{b + name + ".bias", []uint64{d}, make([]float32, dim), false})
		}
		lin("attn_q", d, d)
		lin("attn_k", d, d)
		lin("attn_v", d, d)
		lin("attn_output", d, d)
		norm("attn_output_norm")
		lin("ffn_up", d, f)
		lin("ffn_down", f, d)
		norm("layer_output_norm")
	}
	u := func(n int) uint32 { return uint32(n) }
	return []kv{
		{"general.architecture", "bert"},
		{"general.name", "tiny-embed"},
		{"general.file_type", u(1)},
		{"bert.context_length", u(ctx)},
		{"bert.embedding_length", u(dim)},
		{"bert.block_count", u(layers)},
		{"bert.feed_forward_length", u(ff)},
		{"bert.attention.head_count", u(heads)},
		{"bert.attention.layer_norm_epsilon", float32(1e-12)},
		{"bert.attention.causal", false},
		{"bert.pooling_type", u(1)}, // mean; its presence is what marks an embedding model
		{"tokenizer.ggml.model", "bert"},
		{"tokenizer.ggml.tokens", toks},
		{"tokenizer.ggml.token_type", types},
		{"tokenizer.ggml.token_type_count", u(2)},
		{"tokenizer.ggml.padding_token_id", u(0)},
		{"tokenizer.ggml.unknown_token_id", u(1)},
		{"tokenizer.ggml.cls_token_id", u(2)},
		{"tokenizer.ggml.bos_token_id", u(2)},
		{"tokenizer.ggml.seperator_token_id", u(3)},
		{"tokenizer.ggml.eos_token_id", u(3)},
		{"tokenizer.ggml.mask_token_id", u(4)},
	}, ts
}
