package tinygguf

// sayChat answers every prompt with text: each token of the text has exactly one successor, so no
// token may occur twice; a word that was used before is joined to the one in front of it.
// (llama.cpp aborts the whole server on a vocabulary that has two equal tokens.)
func sayChat(text string, loop bool) ([]kv, []tensor) {
	v := chatVocab()
	used := map[string]bool{}
	var chain []string
	for _, w := range wordRE.FindAllString(text, -1) {
		for used[w] && len(chain) > 0 {
			last := chain[len(chain)-1]
			chain = chain[:len(chain)-1]
			delete(used, last)
			w = last + w
		}
		used[w] = true
		chain = append(chain, w)
	}
	next := map[int]map[int]float64{}
	prev := assistant
	for _, w := range chain {
		id := v.add(bpe(w), typeNormal)
		next[prev] = map[int]float64{id: 1}
		prev = id
	}
	if loop && len(chain) > 0 { // from the last word to the first again: ends only by num_predict or the client
		next[prev] = next[assistant]
	} else {
		next[prev] = map[int]float64{eos: 1}
	}
	return bigramChat("tiny-say", v, next, fastLayers, fastWidth)
}
