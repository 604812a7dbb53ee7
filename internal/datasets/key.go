package datasets

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// The files of a dataset.
const (
	Train      = "train.jsonl"
	Validation = "validation.jsonl"
	Manifest   = "manifest.json"
)

// Media types of the files.
const (
	jsonLines = "application/jsonl"
	jsonMedia = "application/json"
)

var names = []string{Train, Validation, Manifest}

// folder is the first part of all keys.
const folder = "datasets/"

// keyOf is where a run of the export writes a file. The two digits are for as many folders as files have; the end of a
// UUIDv7 is random.
func keyOf(id uuid.UUID, epoch int64, name string) string {
	return prefixOf(id) + strconv.FormatInt(epoch, 10) + "-" + name
}

// prefixOf is what the keys of a dataset begin with.
func prefixOf(id uuid.UUID) string {
	text := id.String()
	return folder + text[len(text)-2:] + "/" + text + "-"
}

// parseKey reads a key of [keyOf], also of what the storage left half written under it: the key, a number and .tmp.
func parseKey(key string) (id uuid.UUID, epoch int64, ok bool) {
	if whole, half := strings.CutSuffix(key, ".tmp"); half {
		key = strings.TrimSuffix(whole, path.Ext(whole))
	}
	const length = len("00000000-0000-0000-0000-000000000000")
	base := path.Base(key)
	if len(base) < length {
		return uuid.Nil, 0, false
	}
	id, err := uuid.Parse(base[:length])
	if err != nil {
		return uuid.Nil, 0, false
	}
	rest := strings.TrimPrefix(base[length:], "-")
	number, name, _ := strings.Cut(rest, "-")
	epoch, err = strconv.ParseInt(number, 10, 64)
	return id, epoch, err == nil && slices.Contains(names, name) && key == keyOf(id, epoch, name)
}

// Folders are where in the storage the files of datasets lie.
func Folders() []string {
	all := make([]string, 256)
	for i := range all {
		all[i] = fmt.Sprintf("%s%02x/", folder, i)
	}
	return all
}
