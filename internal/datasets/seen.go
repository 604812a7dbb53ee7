package datasets

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/maphash"
	"math"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// seen knows conversations again by a hash of 64 bits of their normalized text. It takes some 8 to 20 bytes for each,
// which is what an export's memory grows by: 10 to 20 MB for a million. Two different ones are taken for the same with a
// probability of 3 in 100 million for a million of them, and nobody can bring that about: the hash has a random key.
type seen struct {
	hashes map[uint64]struct{}
	seed   maphash.Seed
	text   []byte // kept for its memory
}

func newSeen() seen { return seen{hashes: map[uint64]struct{}{}, seed: maphash.MakeSeed()} }

// before tells whether a conversation with this text was there before, and remembers it.
func (s *seen) before(parts ...string) bool {
	s.text = normalized(s.text[:0], parts...)
	h := maphash.Bytes(s.seed, s.text)
	if _, there := s.hashes[h]; there {
		return true
	}
	s.hashes[h] = struct{}{}
	return false
}

// split decides which conversations are to validate by: by a hash of what was asked, as it was asked, and of the seed.
// So it is always the same side for a conversation, whatever else is exported and whatever is taken out of it, and the
// same side for all answers to a question: a model isn't validated by what it was trained on.
type split struct {
	key   [8]byte
	below uint64 // hashes that are
	text  []byte // kept for its memory
}

func newSplit(spec Spec) split {
	s := split{below: uint64(spec.ValidationShare * math.MaxUint64)} // at most the half of it, so it fits
	binary.BigEndian.PutUint64(s.key[:], uint64(spec.Seed))
	return s
}

func (s *split) validates(parts ...string) bool {
	s.text = normalized(append(s.text[:0], s.key[:]...), parts...)
	sum := sha256.Sum256(s.text)
	return binary.BigEndian.Uint64(sum[:8]) < s.below
}

// normalized appends the texts in a form that doesn't tell cases, amounts of white space and encodings of one character
// apart, a zero byte behind each.
func normalized(to []byte, texts ...string) []byte {
	for _, text := range texts {
		to = append(normal(to, text), 0)
	}
	return to
}

func normal(to []byte, text string) []byte {
	if !norm.NFC.IsNormalString(text) {
		text = norm.NFC.String(text)
	}
	begin, space := len(to), false
	for i := 0; i < len(text); {
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(text[i:])
		}
		i += size
		if r == ' ' || '\t' <= r && r <= '\r' || r >= utf8.RuneSelf && unicode.IsSpace(r) {
			space = len(to) > begin
			continue
		}
		if space {
			to, space = append(to, ' '), false
		}
		switch {
		case 'A' <= r && r <= 'Z':
			to = append(to, byte(r)+'a'-'A')
		case r < utf8.RuneSelf:
			to = append(to, byte(r))
		default:
			to = utf8.AppendRune(to, unicode.ToLower(r))
		}
	}
	return to
}
