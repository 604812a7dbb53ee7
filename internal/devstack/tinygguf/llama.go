package tinygguf

import (
	"fmt"
)

const chatTemplate = `{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}<|assistant|>`

func llamaKV(name string, v *vocab, dim, layers, ff, heads, headDim, ctx int) []kv {
	u := func(n int) uint32 { return uint32(n) }
	return []kv{
		{"general.architecture", "llama"},
		{"general.name", name},
		{"general.file_type", u(1)}, // mostly F16
		{"llama.context_length", u(ctx)},
		{"llama.embedding_length", u(dim)},
		{"llama.block_count", u(layers)},
		{"llama.feed_forward_length", u(ff)},
		{"llama.attention.head_count", u(heads)},
		{"llama.attention.head_count_kv", u(heads)},
		{"llama.attention.key_length", u(headDim)},
		{"llama.attention.value_length", u(headDim)},
		{"llama.rope.dimension_count", u(headDim)},
		{"llama.attention.layer_norm_rms_epsilon", float32(1e-6)},
		{"llama.vocab_size", u(len(v.tokens))},
		{"tokenizer.ggml.model", "gpt2"},
		{"tokenizer.ggml.pre", "gpt-2"},
		{"tokenizer.ggml.tokens", v.tokens},
		{"tokenizer.ggml.token_type", v.types},
		{"tokenizer.ggml.merges", v.merges},
		{"tokenizer.ggml.bos_token_id", u(bos)},
		{"tokenizer.ggml.eos_token_id", u(eos)},
		{"tokenizer.ggml.add_bos_token", true},
		{"tokenizer.chat_template", chatTemplate},
	}
}

func llamaTensors(v *vocab, embd, out []float32, normW float32, layer func(n int) []float32,
	dim, layers, ff, heads, headDim int) []tensor {
	V, d, f, q := uint64(len(v.tokens)), uint64(dim), uint64(ff), uint64(heads*headDim)
	fill := func(n int, x float32) []float32 {
		s := make([]float32, n)
		for i := range s {
			s[i] = x
		}
		return s
	}
	ts := []tensor{
		{"token_embd.weight", []uint64{d, V}, embd, true},
		{"output_norm.weight", []uint64{d}, fill(dim, normW), false},
		{"output.weight", []uint64{d, V}, out, true},
	}
	for i := 0; i < layers; i++ {
		b := fmt.Sprintf("blk.%d.", i)
		m := func(name string, in, out uint64) {
			ts = append(ts, tensor{b + name + ".weight", []uint64{in, out}, layer(int(in * out)), true})
		}
		ts = append(ts, tensor{b + "attn_norm.weight", []uint64{d}, fill(dim, 1), false})
		m("attn_q", d, q)
		m("attn_k", d, q)
		m("attn_v", d, q)
		m("attn_output", q, d)
		ts = append(ts, tensor{b + "ffn_norm.weight", []uint64{d}, fill(dim, 1), false})
		m("ffn_gate", d, f)
		m("ffn_up", d, f)
		m("ffn_down", f, d)
	}
	return ts
}
