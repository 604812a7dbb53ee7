package backup

// At calls fn when a backup comes to a stage, for tests that have to be there.
func At(fn func(stage string)) Option { return func(s *Service) { s.at = fn } }

// LockKey is the advisory lock of whoever is at the storage of the backups.
const LockKey = lockKey

// StageDumping is when pg_dump has written something.
const StageDumping = stageDumping
