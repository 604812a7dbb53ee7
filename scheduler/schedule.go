package scheduler

import (
	"rohrpost/internal/schedule"
	"rohrpost/tasks"
)

// builtin says when what starts by itself. An admin may change or pause each; a name never changes its meaning.
var builtin = []schedule.Spec{
	// At night in most of the places that deploy this, and not at a full hour, when everybody's does.
	{Name: "sweep", Cron: "40 2 * * *", Zone: "UTC", Kind: tasks.Sweep.Name, CatchUp: schedule.CatchUpOnce},
}

// Builtin returns the built-in schedules.
func Builtin() []schedule.Spec { return builtin }
