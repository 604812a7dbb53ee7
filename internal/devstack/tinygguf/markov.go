package tinygguf

import (
	"sort"
	"strings"
)

func markovChat(corpus string, maxVocab, layers, ff int) ([]kv, []tensor) {
	v := chatVocab()
	count := map[string]int{}
	var lines [][]string
	for _, l := range strings.Split(corpus, "\n") {
		if l = strings.TrimSpace(l); l == "" {
			continue
		}
		ws := wordRE.FindAllString(l, -1)
		lines = append(lines, ws)
		for _, w := range ws {
			count[w]++
		}
	}
	words := make([]string, 0, len(count))
	for w := range count {
		words = append(words, w)
	}
	sort.Slice(words, func(i, j int) bool {
		if count[words[i]] != count[words[j]] {
			return count[words[i]] > count[words[j]]
		}
		return words[i] < words[j]
	})
	for _, w := range words { // whole words are output tokens; prompts are read as bytes and short merges
		if len(v.tokens) >= maxVocab {
			break
		}
		if len(w) > 1 {
			v.add(bpe(w), typeNormal)
		}
	}
	next := map[int]map[int]float64{}
	inc := func(a, b int) {
		if next[a] == nil {
			next[a] = map[int]float64{}
		}
		next[a][b]++
	}
	for _, ws := range lines {
		prev := assistant
		for _, w := range ws {
			id, ok := v.id[bpe(w)]
			if !ok {
				break // a word beyond the vocabulary: this line's chain ends here
			}
			inc(prev, id)
			prev = id
		}
		inc(prev, eos)
	}
	return bigramChat("tiny-markov", v, next, layers, ff)
}
