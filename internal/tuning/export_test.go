package tuning

import "time"

// SetClock has a test own the time.
func (s *Service) SetClock(now func() time.Time) { s.now = now }

// CheckExamples is checkExamples.
var CheckExamples = checkExamples
