package files

import (
	"github.com/google/uuid"

	"rohrpost/internal/thumbnail"
)

// The keys follow from the file's id alone: a job that is run again writes over what it left behind, and whoever cleans
// up knows where to look. The two digits spread the files over folders; the end of a UUIDv7 is random.

func uploadKey(id uuid.UUID) string { return "uploads/" + spread(id) }

func quarantineKey(id uuid.UUID) string { return "quarantine/" + spread(id) }

func thumbnailKey(id uuid.UUID, name string) string { return "thumbnails/" + spread(id) + "-" + name }

func spread(id uuid.UUID) string {
	text := id.String()
	return text[len(text)-2:] + "/" + text
}

func thumbnailKeys(id uuid.UUID) []string {
	keys := make([]string, len(thumbnail.Sizes))
	for i, size := range thumbnail.Sizes {
		keys[i] = thumbnailKey(id, size.Name)
	}
	return keys
}

// allKeys are the keys that a file may have had.
func allKeys(id uuid.UUID) []string {
	return append(thumbnailKeys(id), uploadKey(id), quarantineKey(id))
}
