package scheduler

import "rohrpost/internal/schedule"

// builtin says when what starts by itself. An admin may change or pause each; a name never changes its meaning.
var builtin = []schedule.Spec{}

// Builtin returns the built-in schedules.
func Builtin() []schedule.Spec { return builtin }
