package queue

import (
	"cmp"
	"context"
	"slices"

	"github.com/google/uuid"

	"rohrpost/db"
)

// placedMost is how many jobs of a pass get a place before others; each has Redis walk the line.
const placedMost = 32

// turns is how many jobs of each owner lie in a queue's line in Redis.
type turns struct {
	of    map[uuid.UUID]int64
	total int64
}

// placed is a job with its place in the line in Redis.
type placed struct {
	db.Job
	last  bool
	ahead int64 // how many start before it, if it is not the last
}

func (e *Engine) turns(ctx context.Context, queue string) (*turns, error) {
	rows, err := query(ctx, func(ctx context.Context) ([]db.DispatchedByOwnerRow, error) {
		return db.New().DispatchedByOwner(ctx, e.pool, queue)
	})
	if err != nil {
		return nil, err
	}
	line := &turns{of: map[uuid.UUID]int64{}}
	for _, row := range rows {
		line.of[row.Owner] = row.Jobs
		line.total += row.Jobs
	}
	return line, nil
}

func (t *turns) owners() []uuid.UUID {
	owners := make([]uuid.UUID, 0, len(t.of))
	for owner := range t.of {
		owners = append(owners, owner)
	}
	return owners
}

// place adds jobs to the line, in the order in which they are to start. A job comes behind those of other owners that have
// had no more turns than its own will have: whoever has a thousand jobs in line keeps nobody waiting for more than one of
// them.
func (t *turns) place(jobs []db.Job) []placed {
	slices.SortFunc(jobs, func(a, b db.Job) int {
		return cmp.Or(a.RunAt.Compare(b.RunAt), slices.Compare(a.ID[:], b.ID[:]))
	})
	turn := make(map[uuid.UUID]int64, len(jobs)) // of each job, in this pass
	own := map[uuid.UUID]int64{}
	for _, job := range jobs {
		own[job.Owner]++
		turn[job.ID] = own[job.Owner]
	}
	slices.SortStableFunc(jobs, func(a, b db.Job) int { return cmp.Compare(turn[a.ID], turn[b.ID]) })

	places := 0
	line := make([]placed, len(jobs))
	for i, job := range jobs {
		line[i] = placed{Job: job, last: true}
		if len(t.of) > 0 && places < placedMost {
			line[i].ahead = t.ahead(job.Owner)
			if line[i].last = line[i].ahead == t.total; !line[i].last {
				places++
			}
		}
		t.of[job.Owner]++
		t.total++
	}
	return line
}

// ahead is how many jobs in line come before the next one of an owner.
func (t *turns) ahead(owner uuid.UUID) int64 {
	turn := t.of[owner] + 1
	ahead := turn - 1
	for other, jobs := range t.of {
		if other != owner {
			ahead += min(jobs, turn)
		}
	}
	return ahead
}

// atTheEnd has jobs go where the line ends.
func atTheEnd(jobs ...db.Job) []placed {
	line := make([]placed, len(jobs))
	for i, job := range jobs {
		line[i] = placed{Job: job, last: true}
	}
	return line
}
