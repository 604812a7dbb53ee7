package api

import (
	"github.com/google/uuid"

	"rohrpost/db"
	"rohrpost/internal/fault"
)

const (
	defaultLimit = 20
	maxLimit     = 100
)

// pageOf reads the parameters of a list. A zero before means from the newest.
func pageOf(limit *Limit, before *Before) (size int, from uuid.UUID, err error) {
	size = defaultLimit
	if limit != nil {
		size = *limit
	}
	if size < 1 || size > maxLimit {
		return 0, uuid.Nil, fault.New(fault.Invalid, "The parameter limit goes from 1 to %d.", maxLimit)
	}
	if before == nil {
		return size, uuid.Nil, nil
	}
	if *before == uuid.Nil {
		return 0, uuid.Nil, fault.New(fault.Invalid, "The parameter before is not a cursor of ours.")
	}
	return size, *before, nil
}

// cut takes the item off that was read beyond the page, and returns the cursor of the next page if there was one.
func cut[T any](items []T, size int, id func(T) uuid.UUID) ([]T, *uuid.UUID) {
	if len(items) <= size {
		return items, nil
	}
	items = items[:size]
	next := id(items[size-1])
	return items, &next
}

// cutSearch is cut for jobs that were searched as far as looked, where the next page goes on if this one isn't full.
func cutSearch(jobs []db.Job, size int, looked uuid.UUID) ([]db.Job, *uuid.UUID) {
	jobs, next := cut(jobs, size, func(j db.Job) uuid.UUID { return j.ID })
	if next == nil && looked != uuid.Nil {
		next = &looked
	}
	return jobs, next
}
