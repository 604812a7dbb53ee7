package files

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"rohrpost/db"
	"rohrpost/internal/thumbnail"
)

// The keys follow from the file's id and from how often its content was moved: a job that is run again writes over what
// it left behind, whoever cleans up knows where to look, and no key is used again after the content has moved on. The two
// digits spread the files over folders; the end of a UUIDv7 is random.

// The places of content.
const (
	uploads    = "uploads"
	quarantine = "quarantine" // where nothing is ever opened
	thumbnails = "thumbnails"
)

// contentKey is the key in a place after so many moves.
func contentKey(place string, id uuid.UUID, moves int32) string {
	return place + "/" + spread(id) + nth(moves)
}

func uploadKey(id uuid.UUID) string { return contentKey(uploads, id, 0) }

func thumbnailKey(id uuid.UUID, moves int32, name string) string {
	return contentKey(thumbnails, id, moves) + "-" + name
}

func spread(id uuid.UUID) string {
	text := id.String()
	return text[len(text)-2:] + "/" + text
}

func nth(moves int32) string {
	if moves == 0 {
		return ""
	}
	return "-" + strconv.Itoa(int(moves))
}

func thumbnailKeys(id uuid.UUID, moves int32) []string {
	keys := make([]string, len(thumbnail.Sizes))
	for i, size := range thumbnail.Sizes {
		keys[i] = thumbnailKey(id, moves, size.Name)
	}
	return keys
}

// allKeys are the keys that a file may have had, and those that it would have after the next move.
func allKeys(file db.File) []string {
	var keys []string
	for moves := range file.Moves + 2 {
		keys = append(keys, contentKey(uploads, file.ID, moves), contentKey(quarantine, file.ID, moves))
		keys = append(keys, thumbnailKeys(file.ID, moves)...)
	}
	return keys
}

// in reports whether the content of a file lies in a place.
func in(place string, file db.File) bool { return strings.HasPrefix(file.BlobKey, place+"/") }

// parsedKey is what a key says.
type parsedKey struct {
	place string
	id    uuid.UUID
	moves int32
}

var keyShape = regexp.MustCompile(`^(uploads|quarantine|thumbnails)/([0-9a-f]{2}/[0-9a-f-]{36})(?:-([1-9][0-9]{0,8}))?(?:-([a-z]+))?$`)

// parseKey reads a key; false if it is none of those that a file may have.
func parseKey(key string) (parsedKey, bool) {
	match := keyShape.FindStringSubmatch(key)
	if match == nil {
		return parsedKey{}, false
	}
	id, err := uuid.Parse(match[2][len("00/"):])
	if err != nil || spread(id) != match[2] {
		return parsedKey{}, false
	}
	moves, _ := strconv.ParseInt(match[3], 10, 32) // nothing is 0
	p := parsedKey{match[1], id, int32(moves)}
	if p.place == thumbnails {
		return p, slices.Contains(thumbnailKeys(id, p.moves), key)
	}
	return p, match[4] == ""
}
