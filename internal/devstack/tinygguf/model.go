// Package tinygguf writes tiny GGUF models that a real Ollama server loads and runs on the CPU, so that tests go through
// the real server on machines that can't download a model. The weights are synthetic: what comes out proves plumbing,
// never quality. Each model is reproducible byte for byte.
package tinygguf

import (
	"bytes"
	"math/rand"
	"slices"
)

// Model is the content of a GGUF file before it is written.
type Model struct {
	kvs     []kv
	tensors []tensor
}

const (
	seed         = 1    // of all random weights
	markovWords  = 1024 // largest vocabulary of Markov
	embedLength  = 64   // dimensions of an embedding
	embedLayers  = 2
	embedGrams   = 3 // longest run of letters with a vector of its own
	embedNoise   = 0.1
	fastLayers   = 1 // of models whose layers add nothing
	fastWidth    = 32
	slowLayers   = 3
	slowWidth    = 4096
	defaultDim   = 64
	defaultLayer = 2
)

// Say answers every prompt with exactly text, then stops. A JSON tool call as text gives real tool calls.
func Say(text string) Model {
	kvs, ts := sayChat(text, false)
	return Model{kvs, ts}
}

// SayForever repeats text until the client or num_predict ends it.
func SayForever(text string) Model {
	kvs, ts := sayChat(text, true)
	return Model{kvs, ts}
}

// Markov answers with sentences after the corpus, one reply a line of it. It obeys seed and temperature.
func Markov(corpus string) Model {
	kvs, ts := markovChat(corpus, markovWords, fastLayers, fastWidth)
	return Model{kvs, ts}
}

// SlowMarkov is a Markov that a reader can follow: some 100 tokens a second, for 25 MB.
func SlowMarkov(corpus string) Model {
	kvs, ts := markovChat(corpus, markovWords, slowLayers, slowWidth)
	return Model{kvs, ts}
}

// Random answers gibberish until the client or num_predict ends it. Width and depth make it slow: Random(256, 4) gives
// some 250 tokens a second, which leaves time to cancel. Zeros take 64 and 2.
func Random(dim, layers int) Model {
	if dim == 0 {
		dim = defaultDim
	}
	if layers == 0 {
		layers = defaultLayer
	}
	kvs, ts := randomChat(newRand(), dim, layers)
	return Model{kvs, ts}
}

// Embed is an embedder with 64 dimensions: texts that share words are near. It knows no synonyms.
func Embed() Model {
	kvs, ts := embedBert(newRand(), embedLength, embedLayers, embedGrams, embedNoise)
	return Model{kvs, ts}
}

// Named is the model with a name of its own in its file.
func (m Model) Named(name string) Model {
	m.kvs = slices.Clone(m.kvs)
	for i, pair := range m.kvs {
		if pair.k == "general.name" {
			m.kvs[i].v = name
		}
	}
	return m
}

// Bytes is the GGUF file.
func (m Model) Bytes() ([]byte, error) {
	var b bytes.Buffer
	if err := writeGGUF(&b, m.kvs, m.tensors); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Embedder reports whether the model embeds texts instead of answering them.
func (m Model) Embedder() bool {
	return len(m.kvs) > 0 && m.kvs[0].v == "bert"
}

func newRand() *rand.Rand { return rand.New(rand.NewSource(seed)) }
