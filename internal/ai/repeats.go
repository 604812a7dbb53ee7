package ai

import "strings"

// endlessRepeats is how many times in a row Ollama lets a model say the same before it ends the reply, without a final
// chunk: to us that looks like a cut connection, and an attempt that would only repeat itself.
const endlessRepeats = 31

// repeats counts equal pieces of text in a row, the way the server does.
type repeats struct {
	last  string
	count int
}

func (r *repeats) see(text string) {
	if text = strings.TrimSpace(text); r.count == 0 || text != r.last {
		r.last, r.count = strings.Clone(text), 0
	}
	r.count++
}

// ended tells whether the next repetition would have ended the reply.
func (r *repeats) ended() bool { return r.count >= endlessRepeats }
