package blob

import (
	"errors"
	"net/http"
	"syscall"

	"rohrpost/internal/fault"
)

// Full is the code of a storage that takes no more: the disk is full, or the quota used up. What is there can be read,
// and writing works again once somebody has made room.
var Full = fault.Register("storage_full",
	fault.Class{Status: http.StatusInsufficientStorage, Title: "Storage full", Retryable: true})

const fullSentence = "There is no room left in the file storage."

// tooLittle is when a storage counts as full before a write has failed: hardly any upload would fit.
const tooLittle = 1 << 20 // bytes

func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }
