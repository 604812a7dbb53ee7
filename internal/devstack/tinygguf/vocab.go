package tinygguf

import (
	"strings"
)

// byteRune is GPT-2's byte-to-unicode table, which tokens of a "gpt2" vocabulary are written in.
var byteRune = func() (m [256]rune) {
	n := rune(256)
	for b := 0; b < 256; b++ {
		if b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE {
			m[b] = rune(b)
		} else {
			m[b] = n
			n++
		}
	}
	return
}()

func bpe(s string) string {
	var sb strings.Builder
	for i := 0; i < len(s); i++ {
		sb.WriteRune(byteRune[s[i]])
	}
	return sb.String()
}

const (
	typeNormal  = 1
	typeControl = 3
)

type vocab struct {
	tokens []string
	types  []int32
	merges []string
	id     map[string]int
}

func (v *vocab) add(tok string, typ int32) int {
	if id, ok := v.id[tok]; ok {
		return id
	}
	id := len(v.tokens)
	v.tokens, v.types, v.id[tok] = append(v.tokens, tok), append(v.types, typ), id
	return id
}

// addWord adds a token for the text s and the merges that lead to it from bytes.
func (v *vocab) addWord(s string) int {
	r := []rune(bpe(s))
	for i := 2; i <= len(r); i++ {
		if _, ok := v.id[string(r[:i])]; !ok {
			v.add(string(r[:i]), typeNormal)
			v.merges = append(v.merges, string(r[:i-1])+" "+string(r[i-1]))
		}
	}
	return v.id[string(r)]
}

var specials = []string{"<|bos|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>"}

const (
	bos, eos, assistant = 0, 1, 4
)

func chatVocab() *vocab {
	v := &vocab{id: map[string]int{}}
	for _, s := range specials {
		v.add(s, typeControl)
	}
	for b := 0; b < 256; b++ {
		v.add(string(byteRune[b]), typeNormal)
	}
	v.addWord("  ") // at least one merge, so that the array is not empty
	return v
}
