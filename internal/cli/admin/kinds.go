package admin

import (
	"encoding/json"
	"strings"

	"rohrpost/internal/cli/terminal"
	"rohrpost/tasks"
)

// kind is how people are shown what jobs of a kind tell. The zero one knows nothing of it.
type kind struct {
	reading func(args, progress json.RawMessage) terminal.Reading
	result  func(s *terminal.Screen, result json.RawMessage)
	// note is what there is to say of an event that only this kind has; none, and it is shown as it is.
	note func(typ string, data json.RawMessage) string
	// looks is that jobs of the kind wait and run by turns as a rule, to look at something: that is no news.
	looks bool
}

// kinds are those of which more is known than their JSON.
var kinds = map[string]kind{
	tasks.Sweep.Name:        {reading: sweepReading, result: showSweep},
	tasks.RetryDead.Name:    {reading: bulkReading, result: showBulk},
	tasks.DiscardDead.Name:  {reading: bulkReading, result: showBulk},
	tasks.Export.Name:       {reading: exportReading},
	tasks.Rescan.Name:       {reading: rescanReading},
	tasks.Tune.Name:         {reading: tuneReading, note: tuneNote, looks: true},
	tasks.BackupRun.Name:    {reading: backupReading},
	tasks.BackupVerify.Name: {reading: backupReading},
}

func (k kind) read(args, progress json.RawMessage) terminal.Reading {
	if k.reading != nil {
		return k.reading(args, progress)
	}
	return anyReading(progress)
}

func (k kind) noteOf(typ string, data json.RawMessage) string {
	if k.note != nil {
		if text := k.note(typ, data); text != "" {
			return text
		}
	}
	return typ + ": " + terminal.Flat(data)
}

func (k kind) showResult(s *terminal.Screen, result json.RawMessage) {
	switch {
	case k.result != nil:
		k.result(s, result)
	case len(result) > 0 && string(result) != "null":
		s.Fields(terminal.Field{Title: "result", Value: terminal.Laid(result)})
	}
}

// anyReading finds in the progress of any kind how far it is, where it says so in the usual words, and else shows it.
func anyReading(progress json.RawMessage) terminal.Reading {
	var usual struct {
		Done, Total         int64
		Phase, Step, Status string
	}
	if err := json.Unmarshal(progress, &usual); err != nil {
		return terminal.Reading{Text: terminal.Flat(progress)}
	}
	r := terminal.Reading{
		Done: usual.Done, Total: usual.Total, Text: strings.TrimSpace(usual.Phase + " " + usual.Step + " " + usual.Status),
	}
	if r.Text == "" && r.Total == 0 {
		r.Text = terminal.Flat(progress)
	}
	return r
}
