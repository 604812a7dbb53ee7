package devstack

import (
	"fmt"
	"strings"
)

// clamdConf is the whole configuration. Its limits fail closed: by default ClamAV calls a file OK that it did not look
// into because it was too large, too deep or encrypted.
func clamdConf(port int, database, scratch string, own bool, maxBytes int64) string {
	// Without a second copy of the signatures beside the old one, a reload waits until clamd's idle threads are gone,
	// which takes 30 s; with the full set that copy costs a gigabyte.
	concurrentReload := "no"
	if own {
		concurrentReload = "yes"
	}
	unpacked := min(4*maxBytes, clamdHardMax)
	lines := []string{
		"Foreground yes",
		"TCPAddr 127.0.0.1", fmt.Sprintf("TCPSocket %d", port),
		"DatabaseDirectory " + database,
		"TemporaryDirectory " + scratch,
		"AlertExceedsMax yes",
		"AlertEncrypted yes",
		fmt.Sprintf("StreamMaxLength %d", maxBytes),
		// An archive counts itself and what is in it: with the plain limit an ordinary document of that size, which is
		// a zip, would be refused.
		fmt.Sprintf("MaxScanSize %d", unpacked),
		// Of a file inside an archive ClamAV looks at the first MaxFileSize bytes, and calls the rest OK without a word,
		// whatever AlertExceedsMax says. Equal to MaxScanSize, whose excess is told, nothing is cut off unnoticed.
		fmt.Sprintf("MaxFileSize %d", unpacked),
		"ConcurrentDatabaseReload " + concurrentReload,
		"MaxThreads 4",
		"LogTime yes",
	}
	return strings.Join(lines, "\n") + "\n"
}
